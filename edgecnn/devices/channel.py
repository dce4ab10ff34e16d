"""Lines of JSON to and from a child process, with a separate error for each kind of failure."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from edgecnn.backends.worker.messages import Answer, Question
from edgecnn.core.errors import WorkerError, from_json
from edgecnn.core.process import describe_death
from edgecnn.ondevice.documents import PlainDocument

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.core.child import Child

Progress = Callable[[int, int], None]
Reply = TypeVar("Reply", bound=PlainDocument)

_READ_BYTES = 1 << 16
_ANSWER_BYTES = 16 << 20
_EXIT_TIMEOUT_S = 10.0


class Channel:
    """Exchange of questions and answers with a worker.

    Args:
        process: The worker, with pipes on its standard input and output.
        log: Its log.
        log_start: Offset in the log where this worker began.
        what: Name of the worker in messages.
    """

    def __init__(self, process: Child, *, log: Path, log_start: int, what: str) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("a channel needs pipes on the standard input and output of its process")
        self._process = process
        self._questions, self._answers = process.stdin, process.stdout
        self._log, self._log_start, self._what = log, log_start, what
        self._received = bytearray()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._answers, selectors.EVENT_READ)

    def ask(
        self,
        command: str,
        request: PlainDocument,
        reply: type[Reply],
        *,
        timeout_s: float,
        progress: Progress | None = None,
    ) -> Reply:
        """Send a request and return the reply.

        Args:
            command: Name of the command.
            request: Its request.
            reply: Class of its reply.
            timeout_s: Seconds without output after which the worker is ended.
            progress: Called for each line of progress.

        Raises:
            EdgecnnError: The error that the worker returned.
            WorkerError: It crashed, timed out, ran out of memory or violated the protocol.
        """
        question = json.dumps(Question(command, request.to_json()).to_json()) + "\n"
        try:
            self._questions.write(question.encode())
            self._questions.flush()
        except (BrokenPipeError, ValueError) as error:
            raise self._death() from error
        while True:
            line = self._line(command, timeout_s)
            try:
                answer = Answer.from_text(line, wire=True)
                if answer.value is not None:
                    return reply.from_json(answer.value)
            except ValueError as error:
                raise self._babble(line) from error
            if answer.error is not None:
                raise from_json(answer.error)
            if answer.progress is None:
                raise self._babble(line)
            if progress is not None:
                progress(*answer.progress)

    def kill(self) -> None:
        """End the process and release its pipes; harmless if it has already ended."""
        self._process.kill()
        self._process.wait()
        self._selector.close()
        self._answers.close()
        with contextlib.suppress(BrokenPipeError):
            self._questions.close()

    def _line(self, command: str, timeout_s: float) -> bytes:
        deadline = time.monotonic() + timeout_s
        searched = 0
        while (end := self._received.find(b"\n", searched)) < 0:
            searched = len(self._received)
            if not self._selector.select(max(0.0, deadline - time.monotonic())):
                self._process.kill()
                raise WorkerError(
                    f"{self._what} hung: no answer to {command!r} for {timeout_s:g} s, so it was stopped",
                    hint=f"its log: {self._log}",
                )
            data = os.read(self._answers.fileno(), _READ_BYTES)
            if not data:
                raise self._death()
            self._received += data
            if len(self._received) > _ANSWER_BYTES:
                raise self._babble(bytes(self._received))
        line = bytes(self._received[:end])
        del self._received[: end + 1]
        return line

    def _babble(self, data: bytes) -> WorkerError:
        self._process.kill()
        shown = data[:80].decode(errors="replace")
        return WorkerError(
            f"{self._what} did not speak the worker's protocol but wrote {shown!r}",
            hint=f"its log: {self._log}",
        )

    def _death(self) -> WorkerError:
        try:
            code = self._process.wait(_EXIT_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        message = describe_death(self._what, code, self._log, self._log_start)
        return WorkerError(message, hint=f"its log: {self._log}")
