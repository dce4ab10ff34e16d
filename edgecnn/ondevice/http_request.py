"""Reading of one HTTP request from a client that is not trusted, and the bytes of an answer.

A request is accepted only in its plainest form: a request line, headers of one line each, and a body whose
length is stated (RFC 9112). Everything else has an answer of its own and is never guessed.
"""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LINE_BYTES = 8192
"""Longest request line, and longest header line."""

MAX_HEADERS = 64
MAX_HEADER_BYTES = 16_384
"""Largest number and largest total size of the headers."""

_LENGTH_DIGITS = 12
_REQUEST = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([\x21-\x7e]+) HTTP/([0-9])\.([0-9])\r?\n")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x20-\x7e\x80-\xff\t]*?)[ \t]*\r?\n")
_IMAGE_TYPES = ("image/", "application/octet-stream", "application/x-www-form-urlencoded")
"""Types of a body that can be an image file; the last is what curl states for any data."""


class Refusal(Exception):
    """A request that is answered with an error.

    Args:
        status: HTTP status.
        reason: One sentence for the client.
        headers: Further headers of the answer.
    """

    def __init__(self, status: int, reason: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.headers = dict(headers or {})


@dataclass(frozen=True)
class RequestHead:
    """The head of a request.

    Attributes:
        method: The method, such as ``POST``.
        path: The target without its query.
        headers: Values by names in lower case.
    """

    method: str
    path: str
    headers: Mapping[str, str]

    def body_length(self, most: int) -> int:
        """Return the size of an image file that follows.

        Args:
            most: Largest size, in bytes.

        Raises:
            Refusal: The length is missing or too large, or the body is not an image file.
        """
        kind = self.headers.get("content-type", "image/").lower()
        packed = self.headers.get("content-encoding", "identity").lower() != "identity"
        if packed or not kind.startswith(_IMAGE_TYPES):
            raise Refusal(415, "the body must be the bytes of an image file, neither a form nor compressed")
        length = self.headers.get("content-length", "")
        if not (length.isascii() and length.isdigit()):
            raise Refusal(411, "a Content-Length is needed")
        # Numbers of unrealistic length are not parsed.
        if len(length) > _LENGTH_DIGITS or int(length) > most:
            raise Refusal(413, f"more than {most} bytes")
        return int(length)


async def read_head(reader: asyncio.StreamReader) -> RequestHead:
    """Read request line and headers.

    Raises:
        Refusal: They are malformed or too large.
        ConnectionError: The client hung up before it sent anything.
    """
    line = await _line(reader, 414, "the request line is too long")
    if not line:
        raise ConnectionAbortedError
    found = _REQUEST.fullmatch(line)
    if found is None:
        raise Refusal(400, "this is no request line of HTTP/1.1")
    method, target, major, _ = (part.decode("ascii") for part in found.groups())
    if major != "1":
        raise Refusal(505, "only HTTP/1.0 and HTTP/1.1 are understood")
    return RequestHead(method, target.partition("?")[0], await _headers(reader))


async def _headers(reader: asyncio.StreamReader) -> dict[str, str]:
    headers: dict[str, str] = {}
    size = 0
    while (line := await _line(reader, 431, "a header is too long")) not in {b"\r\n", b"\n"}:
        size += len(line)
        if len(headers) >= MAX_HEADERS or size > MAX_HEADER_BYTES:
            raise Refusal(431, "there are too many headers")
        found = _HEADER.fullmatch(line)
        if found is None:
            raise Refusal(400, "a header is malformed" if line else "the request ended early")
        name, value = (part.decode("latin-1") for part in found.groups())
        if name.lower() in headers and name.lower() in {"content-length", "transfer-encoding", "host"}:
            raise Refusal(400, f"there are two headers {name}")
        headers[name.lower()] = value
    if "transfer-encoding" in headers:
        if "content-length" in headers:
            raise Refusal(400, "a Content-Length and a Transfer-Encoding contradict each other")
        raise Refusal(411, "a Content-Length is needed, chunks are not read")
    return headers


async def _line(reader: asyncio.StreamReader, status: int, reason: str) -> bytes:
    """Return the next line with its end, or what came before the client hung up."""
    try:
        line = await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return b""
        raise Refusal(400, "the request ended early") from None
    except asyncio.LimitOverrunError:
        raise Refusal(status, reason) from None
    if len(line) > MAX_LINE_BYTES:
        raise Refusal(status, reason)
    return line


def answer_bytes(
    status: int,
    document: Mapping[str, object],
    headers: Mapping[str, str] | None = None,
    *,
    body: bool = True,
) -> bytes:
    """Return an answer of HTTP/1.0 with a JSON document, after which the connection is closed.

    Args:
        status: HTTP status.
        document: JSON data.
        headers: Further headers.
        body: False for a request of HEAD, which wants the headers only.
    """
    data = json.dumps(document).encode()
    lines = {
        "Server": "edgecnn",
        "Content-Type": "application/json",
        "Content-Length": str(len(data)),
        "Connection": "close",
        **(headers or {}),
    }
    head = f"HTTP/1.0 {status} {HTTPStatus(status).phrase}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return head.encode("ascii") + b"\r\n" + (data if body else b"")
