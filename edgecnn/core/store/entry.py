"""A finished step in the store: its record, and the proof that its files are the recorded ones."""

from __future__ import annotations

import hashlib
import json
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgecnn.core.documents.step_record import StepRecord
from edgecnn.core.errors import DamagedEntry, InputError
from edgecnn.core.files import read_bounded
from edgecnn.core.replace import clear
from edgecnn.core.store.digest import digest_file, digest_json
from edgecnn.core.store.digest_cache import DigestCache, FileState, file_state
from edgecnn.ondevice.json_text import parse_json

if TYPE_CHECKING:
    from pathlib import Path

RECORD, OUTPUTS = "stage.json", "outputs"

_MAX_RECORD_BYTES = 256 << 20
# Smaller files are always read: only what takes time to read is remembered.
_REMEMBERED_BYTES = 4 << 20
# What this process has read and found as recorded, by the directory of the outputs.
_read: dict[Path, tuple[list[FileState], dict[str, str]]] = {}


@dataclass(frozen=True)
class Entry:
    """A finished stage.

    Attributes:
        key: Its key in the store.
        outputs: Directory of its output files.
        digest: Digest of the output files' names and bytes.
        record: The step that made them, with its costs and notes.
    """

    key: str
    outputs: Path
    digest: str
    record: StepRecord

    def check(self) -> dict[str, str]:
        """Compare the bytes of the output files with the record, once in each process.

        Nothing that another process remembers of the files is believed. An entry that fails counts from now
        on as not there.

        Returns:
            SHA-256 of every output file, by its relative path.

        Raises:
            DamagedEntry: A file was changed, added or removed since the step made it, or cannot be read.
        """
        try:
            states = file_states(self.outputs)
            known = _read.get(self.outputs)
            if known is not None and known[0] == list(states.values()):
                return known[1]
            digests = {name: digest_file(self.outputs / name) for name in states}
        except (OSError, InputError):
            digests, states = {}, {}
        if digest_json(digests) != self.digest:
            _read.pop(self.outputs, None)
            retire(self.outputs.parent)
            raise DamagedEntry(
                f"the stored files of step {self.record.step!r} are not those that it made: {self.outputs}",
                hint="run again: the step is made again",
            )
        _read[self.outputs] = list(states.values()), digests
        return digests


def read_entry(key: str, directory: Path, memory: Path) -> Entry | None:
    """Return the entry in a directory; None if there is none, or if there is any doubt about it.

    The digests of large files may be those that were remembered when the same files, by inode, size and
    times, were read last.

    Args:
        key: Its key.
        directory: Its directory.
        memory: File of the remembered digests.
    """
    try:
        text = read_bounded(directory / RECORD, _MAX_RECORD_BYTES)
        # Our own text, in which the notes of a training may hold numbers that are not finite.
        record = StepRecord.from_json(parse_json(text, most=_MAX_RECORD_BYTES, wire=True))
        outputs = directory / OUTPUTS
        states = file_states(outputs)
        intact = sizes_of(states) == record.files and record.record_digest in ("", digest_of(record))
        known = _read.get(outputs)
        if not intact or known is None or known[0] != list(states.values()):
            intact = intact and _as_recorded(outputs, states, record.digest, memory)
    except (OSError, InputError, ValueError):
        return None
    return Entry(key, outputs, record.digest, record) if intact else None


def _as_recorded(outputs: Path, states: dict[str, FileState], recorded: str, memory: Path) -> bool:
    """Return whether the files of an entry have the recorded digest."""
    large = {name for name, state in states.items() if state[1] >= _REMEMBERED_BYTES}
    small = {name: digest_file(outputs / name) for name in states if name not in large}
    if large:
        with DigestCache(memory) as cache:
            if digest_json(small | {name: cache.sha256(outputs / name) for name in large}) == recorded:
                return True
    digests = small | {name: digest_file(outputs / name) for name in large}
    if digest_json(digests) != recorded:
        return False
    _read[outputs] = list(states.values()), {name: digests[name] for name in states}
    return True


def file_states(directory: Path) -> dict[str, FileState]:
    """Return the state of every file below a directory, by its relative POSIX path, in order.

    Raises:
        OSError: The directory cannot be read.
        InputError: It is none, or holds a link or something else that is neither file nor directory.
    """
    if directory.is_symlink() or not directory.is_dir():
        raise InputError(f"{directory} is no directory")
    found = {}
    for path in directory.rglob("*"):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode):
            found[path.relative_to(directory).as_posix()] = file_state(path, status)
        elif not stat.S_ISDIR(status.st_mode):
            raise InputError(f"{path} is no file")
    return dict(sorted(found.items()))


def sizes_of(states: dict[str, FileState]) -> dict[str, int]:
    """Return the sizes in bytes of the files whose states are given."""
    return {name: state[1] for name, state in states.items()}


def digest_of(record: StepRecord) -> str:
    """Return the digest of all fields of a record but its own digest."""
    fields = record.model_copy(update={"record_digest": ""}).to_json()
    # Unlike in other digests, numbers need not be finite.
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def retire(directory: Path) -> None:
    """Make an entry count as not there; its directory is replaced when the step is made again.

    Raises:
        OSError: The record cannot be removed.
    """
    clear(directory / RECORD)
