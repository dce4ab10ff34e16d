"""The HTTP service under hostile requests: every one is answered, and none costs more than its bounds."""

from __future__ import annotations

import http.client
import io
import json
import resource
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from edgecnn.ondevice.model import Model
from edgecnn.ondevice.service import Bounds, Service

BOUNDS = Bounds(body_bytes=200_000, pixels=1 << 20, seconds=2.0, connections=2)


@pytest.fixture
def service(bundle: Path) -> Iterator[Service]:
    with Service(Model(bundle), ("127.0.0.1", 0), BOUNDS) as service:
        thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield service
        service.shutdown()


def ask(service: Service, method: str, path: str, body: bytes | None = None) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection("127.0.0.1", service.server_address[1], timeout=10)
    connection.request(method, path, body)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def jpeg(width: int = 64, height: int = 48) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(buffer, "JPEG")
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that claims a size and holds a few bytes of it: a decompression bomb."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(bytes(1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_a_photo_and_health(service: Service, bundle: Path) -> None:
    status, answer = ask(service, "POST", "/predict", jpeg())
    assert status == 200
    wanted = Model(bundle).predict(jpeg())
    assert answer["classes"] == wanted["classes"]
    status, answer = ask(service, "GET", "/health")
    assert (status, answer["status"], answer["name"]) == (200, "ok", "tiny")
    assert ask(service, "GET", "/../../etc/passwd")[0] == 404
    assert ask(service, "POST", "/other", b"")[0] == 404


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 422, "not a JPEG"),
        (b"no image at all", 422, "not a JPEG"),
        (jpeg()[:200], 422, "image cannot be used"),
        (png_header(100_000, 100_000), 422, "pixels"),
        (png_header(1025, 1024), 422, "1025x1024 pixels are more than 1 Mi"),
        (png_header(1000, 1000), 422, "image cannot be used"),
        (bytes(200_001), 413, "more than 200000 bytes"),
    ],
)
def test_hostile_images(service: Service, body: bytes, status: int, words: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found, answer = ask(service, "POST", "/predict", body)
    assert (found, words in str(answer["error"])) == (status, True), answer
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64 << 10, f"{grown} KiB for an image that is refused"
    assert ask(service, "POST", "/predict", jpeg())[0] == 200, "it goes on serving"


def raw(service: Service, data: bytes) -> bytes:
    """Send bytes, never close, and return all that comes back until the service hangs up."""
    with socket.create_connection(("127.0.0.1", service.server_address[1]), timeout=10) as connection:
        connection.sendall(data)
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
        return b"".join(parts)


@pytest.mark.parametrize(
    ("length", "status"),
    [("", b"411"), ("-5", b"411"), ("1e3", b"411"), ("9" * 5000, b"413"), ("200001", b"413")],
)
def test_lengths_that_are_none(service: Service, length: str, status: bytes) -> None:
    header = f"Content-Length: {length}\r\n" if length else ""
    answer = raw(service, f"POST /predict HTTP/1.1\r\n{header}\r\n".encode())
    assert answer.split()[1] == status


def test_a_client_that_sends_no_end_is_cut_off(service: Service) -> None:
    started = time.monotonic()
    answer = raw(service, b"POST /predict HTTP/1.1\r\nContent-Length: 1000\r\n\r\nabc")
    assert answer == b"" or b" 408 " in answer
    answer = raw(service, b"POST /predict HTTP/1.1\r\nX-Header: ")
    assert b"200" not in answer
    assert time.monotonic() - started < 5 * BOUNDS.seconds
    assert ask(service, "GET", "/health")[0] == 200, "its slot is free again"


def test_more_clients_than_slots_are_told(service: Service) -> None:
    address = ("127.0.0.1", service.server_address[1])
    idle = [socket.create_connection(address, timeout=10) for _ in range(BOUNDS.connections)]
    for connection in idle:
        connection.sendall(b"GET /health HTTP/1.1\r\n")
    time.sleep(0.3)
    assert raw(service, b"GET /health HTTP/1.1\r\n\r\n").split()[1] == b"503"
    for connection in idle:
        connection.close()
    deadline = time.monotonic() + 10
    while raw(service, b"GET /health HTTP/1.1\r\n\r\n").split()[1] != b"200":
        assert time.monotonic() < deadline, "the slots never came free"
        time.sleep(0.1)
