"""A small HTTP service: POST a photo, get JSON. For a trusted network; every resource has a bound.

==========================  =================================================================
``POST /predict``           takes the bytes of an image file; returns its classes or boxes
``GET /health``             returns the model and its runtime, once the model is open
==========================  =================================================================

One thread reads all connections, so that a client that sends nothing, or slowly, occupies no place that
another needs: if there are too many connections, those that have waited longest are closed. A second thread
executes the model, one picture at a time. A connection is one request. Nothing is written to disk. Every
error is a JSON document: 400, 404, 405, 408, 411, 413, 414, 415, 422, 431, 500, 503 or 505.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from edgecnn.ondevice.http_request import Refusal, RequestHead, answer_bytes, read_head
from edgecnn.ondevice.preprocess import ImageError

if TYPE_CHECKING:
    from edgecnn.ondevice.model import Model

_CHUNK_BYTES = 1 << 16
_BACKLOG = 128
_STALE_S = 0.5
_RETRY_S = 0.05
_LINGER_S = 1.0
_LINGER_BYTES = 1 << 25
_PATHS = {"/health": ("GET", "HEAD"), "/predict": ("POST",)}
_ENDED = "the body ended {left} bytes early"
_BUSY = {"Retry-After": "1"}


@dataclass(frozen=True)
class Bounds:
    """Limits of the service.

    Attributes:
        body_bytes: Largest image file.
        pixels: Largest image once decoded; one pixel takes up to 4 bytes, thrice while it is converted.
        seconds: Time from the connection to the answer.
        header_seconds: Time from the connection to the end of the headers.
        connections: Connections that are open at the same time.
        client_connections: The same for one client's address.
        bodies: Image files of the largest size that are in memory at the same time.
    """

    body_bytes: int = 16 << 20
    pixels: int = 16 << 20
    seconds: float = 20.0
    header_seconds: float = 5.0
    connections: int = 64
    client_connections: int = 32
    bodies: int = 4


@dataclass(eq=False)
class _Connection:
    """An open connection.

    Attributes:
        client: The client's address.
        task: What serves it.
        moment: When its last byte came.
        held: Bytes of its body that are in memory.
        answering: Whether its request is complete, so that it is not closed for another.
        answered: Whether its answer was sent, so that it is the first to be closed.
    """

    client: str
    task: asyncio.Task[None]
    moment: float = field(default_factory=time.monotonic)
    held: int = 0
    answering: bool = False
    answered: bool = False


class Service:
    """HTTP server of a model.

    Args:
        model: The model; its inferences are done one at a time.
        address: Host and port; port 0 takes a free one.
        bounds: Limits.

    Raises:
        OSError: The address cannot be listened on.
    """

    def __init__(self, model: Model, address: tuple[str, int], bounds: Bounds | None = None) -> None:
        self.model = model
        self.bounds = bounds or Bounds()
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._socket = socket.create_server(address, family=family, backlog=_BACKLOG)
        self.server_address: tuple[Any, ...] = self._socket.getsockname()
        self._connections: list[_Connection] = []
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="model")
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._ended.set()
        self._wake: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None

    def __enter__(self) -> Self:
        """Return the service."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the socket and end the thread of the model."""
        self._socket.close()
        self._worker.shutdown(cancel_futures=True)

    def serve_forever(self, poll_interval: float = 0.5) -> None:  # noqa: ARG002 - as in socketserver
        """Serve until :meth:`shutdown` or SIGTERM; requests that are complete are still answered."""
        self._ended.clear()
        try:
            asyncio.run(self._serve())
        finally:
            self._ended.set()

    def shutdown(self) -> None:
        """Make :meth:`serve_forever` return, and wait until it has; for other threads."""
        self._stop.set()
        if self._wake is not None:
            loop, stopped = self._wake
            with contextlib.suppress(RuntimeError):  # the loop may have ended by itself
                loop.call_soon_threadsafe(stopped.set)
        self._ended.wait(2 * self.bounds.seconds)

    async def _serve(self) -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        self._wake = (loop, stopped)
        if self._stop.is_set():
            return
        if threading.current_thread() is threading.main_thread():
            loop.add_signal_handler(signal.SIGTERM, stopped.set)
        server = await asyncio.start_server(self._connected, sock=self._socket, limit=_CHUNK_BYTES)
        await stopped.wait()
        server.close()
        for connection in self._connections:
            if not connection.answering:
                connection.task.cancel()
        left = [connection.task for connection in self._connections]
        if left:
            await asyncio.wait(left, timeout=self.bounds.seconds)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve a connection, after room was made for it."""
        task = asyncio.current_task()
        peer = writer.get_extra_info("peername")
        if task is None or peer is None:  # it was closed before it was accepted
            writer.close()
            return
        connection = _Connection(str(peer[0]), task)
        self._connections.append(connection)
        try:
            self._make_room(connection)
            await self._exchange(reader, writer, connection)
        except OSError:
            pass  # the client hung up
        except asyncio.CancelledError:
            if not connection.answered:
                writer.write(answer_bytes(503, {"error": "the service needs this connection"}, _BUSY))
        finally:
            self._forget(connection)
            writer.close()
            asyncio.get_running_loop().call_later(_LINGER_S, writer.transport.abort)

    def _make_room(self, newest: _Connection) -> None:
        """Close the connection that has waited longest if there are too many, of the client with the most.

        Raises:
            CancelledError: All others are being answered.
        """
        counts = Counter(connection.client for connection in self._connections)
        if counts[newest.client] > self.bounds.client_connections:
            clients = {newest.client}
        elif len(self._connections) > self.bounds.connections:
            clients = {client for client, count in counts.items() if count == max(counts.values())}
        else:
            return
        waiting = [found for found in self._connections if found.client in clients and not found.answering]
        stalest = min(waiting, key=lambda found: (not found.answered, found.moment), default=newest)
        if stalest is newest:
            raise asyncio.CancelledError
        self._forget(stalest)
        stalest.task.cancel()

    def _forget(self, connection: _Connection) -> None:
        if connection in self._connections:
            self._connections.remove(connection)

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: _Connection
    ) -> None:
        """Read a request, answer it, and wait a moment for the client to read the answer."""
        started = time.monotonic()
        head: RequestHead | None = None
        try:
            async with asyncio.timeout(self.bounds.seconds):
                async with asyncio.timeout(self.bounds.header_seconds):
                    head = await read_head(reader)
                status, document, more = 200, await self._answer(head, reader, connection), {}
        except TimeoutError:
            if connection.answering:
                status, document, more = 503, {"error": "the model is busy"}, _BUSY
            else:
                what = "the headers" if head is None else "the body"
                status, document, more = 408, {"error": f"{what} took too long"}, {}
        except Refusal as refusal:
            status, document, more = refusal.status, {"error": refusal.reason}, refusal.headers
        except ImageError as error:
            status, document, more = 422, {"error": f"the image cannot be used: {error}"}, {}
        except (OSError, asyncio.CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 - the client gets an answer, the log the reason
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            status, document, more = 500, {"error": "the model could not be executed"}, {}
        connection.held, connection.answering, connection.answered = 0, False, True
        writer.write(answer_bytes(status, document, more, body=head is None or head.method != "HEAD"))
        self._log(connection.client, head, status, time.monotonic() - started)
        await _linger(reader, writer)

    async def _answer(
        self, head: RequestHead, reader: asyncio.StreamReader, connection: _Connection
    ) -> dict[str, object]:
        """Return the answer to a request.

        Raises:
            Refusal: There is none.
            ImageError: The image cannot be used.
        """
        if head.path not in _PATHS:
            raise Refusal(404, "there are GET /health and POST /predict")
        if head.method not in _PATHS[head.path]:
            allowed = ", ".join(_PATHS[head.path])
            raise Refusal(405, f"{head.path} takes {allowed}", {"Allow": allowed})
        if head.path == "/health":
            return {"status": "ok", **self.model.describe().to_json()}
        data = await self._body(reader, head.body_length(self.bounds.body_bytes), connection)
        connection.answering = True
        started = time.perf_counter()
        loop = asyncio.get_running_loop()
        result = await loop.run_in_executor(self._worker, self._predict, data)
        milliseconds = 1e3 * (time.perf_counter() - started)
        return {**result, "milliseconds": round(milliseconds, 3)}

    def _predict(self, data: bytes) -> dict[str, Any]:
        return dict(self.model.predict(data, max_pixels=self.bounds.pixels))

    async def _body(self, reader: asyncio.StreamReader, length: int, connection: _Connection) -> bytes:
        chunks, left = [], length
        while left > 0:
            await self._make_memory(connection)
            chunk = await reader.read(min(left, _CHUNK_BYTES))
            if not chunk:
                raise Refusal(400, _ENDED.format(left=left))
            chunks.append(chunk)
            left -= len(chunk)
            connection.held += len(chunk)
            connection.moment = time.monotonic()
        return b"".join(chunks)

    async def _make_memory(self, connection: _Connection) -> None:
        """Wait until a further chunk has room in memory; a body that no longer arrives is given up for it."""
        most = self.bounds.bodies * self.bounds.body_bytes
        while sum(other.held for other in self._connections) >= most:
            latest = time.monotonic() - _STALE_S
            stale = [
                other
                for other in self._connections
                if other is not connection and other.held and not other.answering and other.moment < latest
            ]
            if stale:
                stalest = min(stale, key=lambda other: other.moment)
                self._forget(stalest)
                stalest.task.cancel()
            else:
                await asyncio.sleep(_RETRY_S)

    @staticmethod
    def _log(client: str, head: RequestHead | None, status: int, seconds: float) -> None:
        what = "-" if head is None else f"{head.method} {head.path[:80]}"
        sys.stderr.write(f"{client} {what} {status} {1e3 * seconds:.1f} ms\n")


async def _linger(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send the answer, and read what the client still sends: closing at once would destroy the answer."""
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_LINGER_S):
            await writer.drain()
            writer.write_eof()
            left = _LINGER_BYTES
            while left > 0 and (chunk := await reader.read(_CHUNK_BYTES)):
                left -= len(chunk)
