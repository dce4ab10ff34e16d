"""A small HTTP service: POST a photo, get JSON. For a trusted network; every resource has a bound.

==========================  =================================================================
``POST /predict``           takes the bytes of an image file; returns its classes or boxes
``GET /health``             returns the model and its runtime, once the model is open
==========================  =================================================================

The size, the time and the pixels of a request are limited, and so is the number of simultaneous requests;
requests beyond are refused with 413, 408, 422 or 503. Nothing is written to disk.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from edgecnn.ondevice.preprocess import ImageError

if TYPE_CHECKING:
    from edgecnn.ondevice.model import Model

_CHUNK_BYTES = 1 << 16
_BUSY = b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"


@dataclass(frozen=True)
class Bounds:
    """Limits of one request.

    Attributes:
        body_bytes: Largest image file.
        pixels: Largest image once decoded; one pixel takes up to 4 bytes, thrice while it is converted.
        seconds: Time from the connection to the end of the request.
        connections: Requests that are served at the same time.
    """

    body_bytes: int = 16 << 20
    pixels: int = 16 << 20
    seconds: float = 20.0
    connections: int = 4


class Service(ThreadingHTTPServer):
    """HTTP server of a model.

    Args:
        model: The model; its inferences are done one at a time.
        address: Host and port; port 0 takes a free one.
        bounds: Limits of a request.
    """

    daemon_threads = True
    request_queue_size = 16

    def __init__(self, model: Model, address: tuple[str, int], bounds: Bounds | None = None) -> None:
        self.model = model
        self.bounds = bounds or Bounds()
        self.lock = threading.Lock()
        self._slots = threading.BoundedSemaphore(self.bounds.connections)
        super().__init__(address, Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a new thread, or refuse it if all slots are taken."""
        if not self._slots.acquire(blocking=False):
            request.settimeout(1.0)
            with contextlib.suppress(OSError):  # it is refused either way
                request.sendall(_BUSY)
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection until it ends or its time is over."""
        timer = threading.Timer(self.bounds.seconds, _hang_up, (request,))
        timer.daemon = True
        timer.start()
        try:
            super().process_request_thread(request, client_address)
        finally:
            timer.cancel()
            self._slots.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that hang up; the handler answers all other errors."""


class Handler(BaseHTTPRequestHandler):
    """One request; HTTP/1.0, so that a connection is one request."""

    server: Service
    server_version = "edgecnn"
    sys_version = ""

    def setup(self) -> None:
        """Limit the time of each read as well as the whole."""
        super().setup()
        self.connection.settimeout(self.server.bounds.seconds)

    def do_GET(self) -> None:
        """Answer a request for ``/health``."""
        if self.path != "/health":
            self._answer(404, {"error": "there are GET /health and POST /predict"})
            return
        self._answer(200, {"status": "ok", **self.server.model.describe().to_json()})

    def do_POST(self) -> None:
        """Answer a request for ``/predict``."""
        if self.path != "/predict":
            self._answer(404, {"error": "there are GET /health and POST /predict"})
            return
        data = self._body()
        if data is None:
            return
        started = time.perf_counter()
        try:
            with self.server.lock:  # one picture in memory at a time, one inference at a time
                result = self.server.model.predict(data, max_pixels=self.server.bounds.pixels)
        except ImageError as error:
            self._answer(422, {"error": f"the image cannot be used: {error}"})
            return
        milliseconds = 1e3 * (time.perf_counter() - started)
        self._answer(200, {**result, "milliseconds": round(milliseconds, 3)})

    def _body(self) -> bytes | None:
        """Read the body; if that fails, answer with the reason and return None."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            self._answer(411, {"error": "a Content-Length is needed"})
            return None
        # Numbers of unrealistic length are not parsed.
        if len(length) > 12 or int(length) > self.server.bounds.body_bytes:
            self._answer(413, {"error": f"more than {self.server.bounds.body_bytes} bytes"})
            return None
        chunks, left = [], int(length)
        while left > 0:
            try:
                chunk = self.rfile.read1(min(left, _CHUNK_BYTES))
            except OSError:
                chunk = b""
            if not chunk:
                self._answer(408, {"error": f"the body ended {left} bytes early"})
                return None
            chunks.append(chunk)
            left -= len(chunk)
        return b"".join(chunks)

    def _answer(self, status: int, document: dict[str, object]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _hang_up(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):  # it may have ended by itself
        connection.shutdown(socket.SHUT_RDWR)
