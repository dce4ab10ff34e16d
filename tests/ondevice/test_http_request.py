"""Tests of the reader of requests, on bytes; ``test_service.py`` sends them through a socket."""

from __future__ import annotations

import asyncio
import json

import pytest

from edgecnn.ondevice.http_request import MAX_HEADERS, Refusal, RequestHead, answer_bytes, read_head


def head(data: bytes) -> RequestHead:
    """Return the head of a request of these bytes, after which the client hangs up."""

    async def read() -> RequestHead:
        reader = asyncio.StreamReader(limit=1 << 16)
        reader.feed_data(data)
        reader.feed_eof()
        return await read_head(reader)

    return asyncio.run(read())


def test_a_request_is_read_without_its_query() -> None:
    found = head(b"POST /classify?top=3 HTTP/1.1\r\nHost: pi\r\nContent-LENGTH:  12 \r\n\r\n")
    assert (found.method, found.path) == ("POST", "/classify")
    assert found.headers == {"host": "pi", "content-length": "12"}
    assert found.body_length(most=12) == 12


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"hello\r\n\r\n", 400),
        (b"GET  /a HTTP/1.1\r\n\r\n", 400),
        (b"GET /a HTTP/2.0\r\n\r\n", 505),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nA: " + b"a" * 9000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * (MAX_HEADERS + 1), 400),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"A%d: b\r\n" % n for n in range(99)) + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: b", 400),
        (b"GET / HT", 400),
    ],
)
def test_what_is_not_plain_has_an_answer_of_its_own(data: bytes, status: int) -> None:
    with pytest.raises(Refusal) as caught:
        head(data)
    assert caught.value.status == status


def test_a_client_that_says_nothing_gets_no_answer() -> None:
    with pytest.raises(ConnectionAbortedError):
        head(b"")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 411),
        ({"content-length": "-1"}, 411),
        ({"content-length": "1e3"}, 411),
        ({"content-length": "101"}, 413),
        ({"content-length": "9" * 5000}, 413),
        ({"content-length": "1", "content-type": "multipart/form-data"}, 415),
        ({"content-length": "1", "content-encoding": "gzip"}, 415),
    ],
)
def test_a_body_that_is_no_image_file_of_a_stated_length_is_refused(
    headers: dict[str, str], status: int
) -> None:
    with pytest.raises(Refusal) as caught:
        RequestHead("POST", "/", headers).body_length(most=100)
    assert caught.value.status == status


def test_an_answer_states_its_length_and_head_leaves_the_body_out() -> None:
    whole = answer_bytes(404, {"error": "no such page"}, {"Allow": "GET"})
    top, _, body = whole.partition(b"\r\n\r\n")
    assert top.startswith(b"HTTP/1.0 404 Not Found\r\n")
    assert f"Content-Length: {len(body)}".encode() in top.split(b"\r\n")
    assert b"Allow: GET" in top.split(b"\r\n")
    assert json.loads(body) == {"error": "no such page"}
    assert answer_bytes(404, {"error": "no such page"}, {"Allow": "GET"}, body=False) == top + b"\r\n\r\n"
