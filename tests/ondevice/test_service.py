"""The HTTP service under hostile requests: every one is answered, and none costs more than its bounds."""

from __future__ import annotations

import contextlib
import http.client
import io
import json
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import edgecnn
from edgecnn.ondevice.model import Model
from edgecnn.ondevice.service import Bounds, Service

BOUNDS = Bounds(body_bytes=200_000, pixels=1 << 20, seconds=2.0, header_seconds=0.7, connections=2)


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


def status_of(answer: bytes) -> int:
    """Return the status of an answer, after checking that it is whole and that its body is JSON."""
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines)
    assert headers["Content-Type"] == "application/json", answer
    assert int(headers["Content-Length"]) == len(body), answer
    assert isinstance(json.loads(body), dict), answer
    version, status, _ = first.split(" ", 2)
    assert version == "HTTP/1.0"
    return int(status)


def post(*headers: str, body: bytes = b"") -> bytes:
    """Return a request for /predict with the given header lines."""
    return "".join(f"{line}\r\n" for line in ("POST /predict HTTP/1.1", *headers, "")).encode() + body


HOSTILE: dict[str, tuple[bytes, int]] = {
    "no version": (b"GET /health\r\n\r\n", 400),
    "two spaces": (b"GET  /health HTTP/1.1\r\n\r\n", 400),
    "garbage": (bytes(range(256)) * 4 + b"\n\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\n\n", 400),
    "nul": (b"GET /\0 HTTP/1.1\r\n\r\n", 400),
    "version": (b"GET / HTTP/9.9\r\n\r\n", 505),
    "long line": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
    "endless line": (b"GET /" + b"a" * 200_000, 414),
    "long header": (b"GET /health HTTP/1.1\r\na: " + b"b" * 9000 + b"\r\n\r\n", 431),
    "endless header": (b"GET /health HTTP/1.1\r\na: " + b"b" * 200_000, 431),
    "many headers": (b"GET /health HTTP/1.1\r\n" + b"".join(b"a%d: b\r\n" % n for n in range(99)), 431),
    "large headers": (
        b"GET /health HTTP/1.1\r\n" + b"".join(b"a%d: %04000d\r\n" % (n, n) for n in range(9)),
        431,
    ),
    "folded header": (b"GET /health HTTP/1.1\r\na: b\r\n c\r\n\r\n", 400),
    "header without a colon": (b"GET /health HTTP/1.1\r\nabc\r\n\r\n", 400),
    "space before the colon": (b"GET /health HTTP/1.1\r\na : b\r\n\r\n", 400),
    "unknown path": (b"GET /../../etc/passwd HTTP/1.1\r\n\r\n", 404),
    "coded path": (b"GET /%2e%2e/etc/passwd HTTP/1.1\r\n\r\n", 404),
    "whole address": (b"GET http://x/health HTTP/1.1\r\n\r\n", 404),
    "put": (b"PUT /predict HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", 405),
    "get": (b"GET /predict HTTP/1.1\r\n\r\n", 405),
    "post": (b"POST /health HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 405),
    "unknown method": (b"BREW /health HTTP/1.1\r\n\r\n", 405),
    "no length": (post(body=b"abc"), 411),
    "sign": (post("Content-Length: +5", body=b"abcde"), 411),
    "digits of Arabic": (post("Content-Length: \u0665", body=b"abcde"), 411),
    "chunks": (post("Transfer-Encoding: chunked", body=b"5\r\nabcde\r\n0\r\n\r\n"), 411),
    "two lengths": (post("Content-Length: 5", "Content-Length: 50", body=b"abcde"), 400),
    "chunks and a length": (post("Transfer-Encoding: chunked", "Content-Length: 5", body=b"abcde"), 400),
    "form": (post("Content-Type: multipart/form-data; boundary=x", "Content-Length: 1", body=b"a"), 415),
    "JSON": (post("Content-Type: application/json", "Content-Length: 2", body=b"{}"), 415),
    "packed": (post("Content-Encoding: gzip", "Content-Length: 1", body=b"a"), 415),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_every_error_is_json(service: Service, name: str) -> None:
    data, status = HOSTILE[name]
    assert status_of(raw(service, data)) == status
    assert ask(service, "GET", "/health")[0] == 200


@pytest.mark.parametrize(
    "data", [post("Content-Length: 99", body=b"abc"), b"GET /hea", b"GET /health HTTP/1.1\r\na: b"]
)
def test_a_request_that_ends_early_is_answered(service: Service, data: bytes) -> None:
    with socket.create_connection(("127.0.0.1", service.server_address[1]), timeout=10) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        assert status_of(connection.recv(65536)) == 400


def test_pipelined_requests_get_one_answer(service: Service) -> None:
    request = post(f"Content-Length: {len(jpeg())}", body=jpeg())
    assert status_of(raw(service, request * 3)) == 200


def test_head_has_no_body(service: Service) -> None:
    answer = raw(service, b"HEAD /health HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.0 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n")


def test_a_model_that_fails_is_a_500(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("the runtime broke")

    monkeypatch.setattr(service.model.runner, "run", fail)
    status, answer = ask(service, "POST", "/predict", jpeg())
    assert (status, answer) == (500, {"error": "the model could not be executed"})
    monkeypatch.undo()
    assert ask(service, "POST", "/predict", jpeg())[0] == 200


@pytest.mark.parametrize(
    "beginning",
    [b"", b"POST /pre", b"GET /health HTTP/1.1\r\na: b\r\n", post("Content-Length: 9999", body=b"abc")],
    ids=["idle", "line", "headers", "body"],
)
def test_clients_that_wait_block_nobody(service: Service, beginning: bytes) -> None:
    """Many more connections than there are places, none of which sends a whole request."""
    address = ("127.0.0.1", service.server_address[1])
    waiting = [socket.create_connection(address, timeout=10) for _ in range(5 * BOUNDS.connections)]
    try:
        for connection in waiting:
            with contextlib.suppress(OSError):
                connection.sendall(beginning)
        for _ in range(3):
            started = time.monotonic()
            assert ask(service, "POST", "/predict", jpeg())[0] == 200
            assert time.monotonic() - started < BOUNDS.seconds
        for connection in waiting:
            connection.settimeout(5 * BOUNDS.seconds)
            assert status_of(connection.recv(65536)) in {408, 503}
    finally:
        for connection in waiting:
            connection.close()


@contextlib.contextmanager
def serving(bundle: Path, bounds: Bounds) -> Iterator[Service]:
    """Yield a service with bounds of its own, and check that it ends."""
    with Service(Model(bundle), ("127.0.0.1", 0), bounds) as service:
        thread = threading.Thread(target=service.serve_forever, daemon=True)
        thread.start()
        yield service
        service.shutdown()
        thread.join(10)
        assert not thread.is_alive()


def test_headers_that_come_slowly_have_a_deadline(bundle: Path) -> None:
    with serving(bundle, Bounds(seconds=20.0, header_seconds=0.5)) as service:
        started = time.monotonic()
        with socket.create_connection(("127.0.0.1", service.server_address[1]), timeout=10) as connection:
            connection.settimeout(0.1)
            answer = b""
            while not answer and time.monotonic() - started < 10:
                with contextlib.suppress(OSError):
                    connection.sendall(b"a")
                with contextlib.suppress(TimeoutError):
                    answer = connection.recv(65536)
        assert status_of(answer) == 408
        assert time.monotonic() - started < 5


def test_bodies_share_a_bounded_memory(bundle: Path) -> None:
    """Bodies that stop on their way are given up for one that arrives."""
    with serving(bundle, Bounds(body_bytes=200_000, seconds=20.0, bodies=2)) as service:
        address = ("127.0.0.1", service.server_address[1])
        stuck = [socket.create_connection(address, timeout=10) for _ in range(6)]
        for connection in stuck:
            connection.sendall(post("Content-Length: 200000", body=bytes(199_999)))
        started = time.monotonic()
        assert ask(service, "POST", "/predict", jpeg(640, 480))[0] == 200
        assert time.monotonic() - started < 8
        for connection in stuck:
            connection.close()


def test_sigterm_ends_the_service_after_its_answers(bundle: Path) -> None:
    code = "import sys; from pathlib import Path; from edgecnn.ondevice.command import main; "
    code += "sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))"
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(bundle), "--serve", "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(edgecnn.__file__).parents[1])},
    )
    try:
        assert child.stderr is not None
        line = next(line for line in child.stderr if line.startswith("listening"))
        port = int(line.rpartition(":")[2].partition("/")[0])
        idle = socket.create_connection(("127.0.0.1", port), timeout=10)
        busy = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        busy.request("POST", "/predict", jpeg(3000, 3000))
        time.sleep(0.1)
        child.send_signal(signal.SIGTERM)
        assert busy.getresponse().status in {200, 503}
        assert child.wait(10) == 0
        idle.close()
    finally:
        child.kill()
        child.communicate()
