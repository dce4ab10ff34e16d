"""Hostile clients against the HTTP service of a package: afterwards it answers a right request in time."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import random
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from edgecnn.ondevice.model import Model
from edgecnn.ondevice.service import Bounds, Service
from tests.campaigns.report import Recorder, main
from tests.support.tiny_package import write_bundle

BOUNDS = Bounds(body_bytes=1 << 20, seconds=4.0, header_seconds=2.0, connections=16, client_connections=16)
MOST_SECONDS = 4.0
_STATUSES = {200, 400, 404, 405, 408, 411, 413, 414, 415, 422, 431, 503, 505}


def jpeg() -> bytes:
    """Return a small photo."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((64, 48)).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


PHOTO = jpeg()
RIGHT = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(PHOTO)}\r\n\r\n".encode() + PHOTO


def hostile_bytes(chance: random.Random) -> bytes:  # noqa: PLR0911 - one for each way
    """Return what a hostile client sends: a right request, damaged in one of many ways."""
    data = bytearray(RIGHT)
    kind = chance.randrange(8)
    if kind == 0:
        return chance.randbytes(chance.randrange(5000))
    if kind == 1:
        return bytes(data[: chance.randrange(len(data))])
    if kind == 2:
        return RIGHT.replace(
            str(len(PHOTO)).encode(), str(chance.choice([0, 1, 9**9, 10**30, -1])).encode(), 1
        )
    if kind == 3:
        head = b"".join(
            b"x%d: %s\r\n" % (n, b"y" * chance.randrange(900)) for n in range(chance.randrange(200))
        )
        return RIGHT.replace(b"Host: x\r\n", head, 1)
    if kind == 4:
        return RIGHT * chance.randrange(2, 20)
    if kind == 5:
        chunks = b"Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n"
        return b"POST /predict HTTP/1.1\r\n" + chunks * chance.randrange(1, 9)
    for _ in range(chance.randrange(1, 12)):
        end = 80 if kind == 6 else len(data)
        data[chance.randrange(end)] = chance.randrange(256)
    return bytes(data)


@contextlib.contextmanager
def serving() -> Iterator[Service]:
    """Yield a running service of the tiny network."""
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        bundle = write_bundle(Path(folder))
        with Service(Model(bundle), ("127.0.0.1", 0), BOUNDS) as service:
            thread = threading.Thread(target=service.serve_forever, daemon=True)
            thread.start()
            yield service
            service.shutdown()


def http_clients(recorder: Recorder, count: int, seed: int) -> None:
    """Let ``count`` hostile clients connect; some of them stay, and each is followed by a right request."""
    chance = random.Random(seed)  # noqa: S311
    held: list[socket.socket] = []
    with serving() as service:
        address = ("127.0.0.1", service.server_address[1])
        for number in range(count):
            with recorder.attempt(f"client {number} of seed {seed}"):
                connection = socket.create_connection(address, timeout=10)
                held.append(connection)
                _send(connection, hostile_bytes(chance), chance)
                if chance.random() < 0.4:
                    _read(recorder, connection)
                _ask(address)
            while len(held) > 3 * BOUNDS.connections:
                held.pop(chance.randrange(len(held))).close()
        for connection in held:
            connection.close()


def _send(connection: socket.socket, data: bytes, chance: random.Random) -> None:
    """Send everything at once, or in small parts, or nothing more after the half."""
    parts = chance.choice([1, 1, 1, 5, 20])
    size = len(data) // parts + 1
    with contextlib.suppress(OSError):
        for start in range(0, len(data), size):
            connection.sendall(data[start : start + size])
            if parts > 1:
                time.sleep(0.002)
        if chance.random() < 0.3:
            connection.shutdown(socket.SHUT_WR)


def _read(recorder: Recorder, connection: socket.socket) -> None:
    """Check that what the client gets is one whole answer, or nothing if it sent nothing."""
    connection.settimeout(2 * BOUNDS.seconds)
    answer = b""
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65536):
            answer += part
    if answer:
        head, _, body = answer.partition(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        assert status in _STATUSES, answer[:200]
        assert isinstance(json.loads(body), dict) or head.startswith(b"HTTP/1.0 200"), answer[:200]
        recorder.count(str(status))


def _ask(address: tuple[str, int]) -> None:
    started = time.monotonic()
    connection = http.client.HTTPConnection(*address, timeout=10)
    connection.request("POST", "/predict", PHOTO)
    answer = connection.getresponse()
    document = json.loads(answer.read())
    connection.close()
    seconds = time.monotonic() - started
    assert answer.status == 200, f"a right request got {answer.status}: {document}"
    assert seconds < MOST_SECONDS, f"a right request took {seconds:.1f} s"


@pytest.mark.slow
def test_hostile_clients_block_nobody() -> None:
    recorder = Recorder("http clients")
    http_clients(recorder, 100, seed=0)
    recorder.result().check()


if __name__ == "__main__":
    main("http clients", http_clients, count=3000)
