"""The store: finished stages by key, each committed by one atomic rename.

=====================  =====================================================================
``stages/KEY/``        a finished stage: its output files and ``stage.json``; never changed
``partial/KEY/``       an unfinished one; belongs to the holder of its lock and survives a kill
``locks/KEY.lock``     locked while a stage is being made, so that two runs make it only once
``digests.sqlite``     remembered digests of large files
=====================  =====================================================================

The key is a digest of everything that the outputs depend on. A process that is killed at any moment leaves
either a finished directory or a partial one, which the next holder of the lock clears, except for its
``scratch`` folder: it holds the data from which a stage can resume, such as the last training epoch.

A finished stage is used only if its bytes are what was recorded; any doubt means that it is not there and is
made again.
"""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import filelock

from edgecnn.core.documents.step_record import StepRecord
from edgecnn.core.errors import not_written
from edgecnn.core.files import flush, flush_tree
from edgecnn.core.replace import clear
from edgecnn.core.store.digest import digest_tree, list_files
from edgecnn.core.store.entry import OUTPUTS, RECORD, Entry, digest_of, file_states, read_entry, sizes_of
from edgecnn.ondevice.json_text import parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


_SCRATCH = "scratch"
_KEPT_SCRATCH_S = 30 * 24 * 3600.0


@dataclass(frozen=True)
class Draft:
    """An unfinished stage.

    Attributes:
        outputs: Empty directory for its output files.
        scratch: Directory that survives a kill, for data from which the stage can resume.
    """

    outputs: Path
    scratch: Path


class Store:
    """Finished stages in one folder, shared by all runs of a user."""

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            for name in ("stages", "partial", "locks"):
                folder = root / name
                if not folder.is_dir() and (folder.exists() or folder.is_symlink()):
                    clear(folder)
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise not_written(
                f"the store {root}", error, "choose another folder with EDGECNN_HOME"
            ) from error

    def get(self, key: str) -> Entry | None:
        """Return a finished stage, or None if there is none or its files or its record are damaged."""
        return read_entry(key, self._finished(key), self.root / "digests.sqlite")

    @contextlib.contextmanager
    def lock(self, key: str, waiting: Callable[[], None]) -> Iterator[None]:
        """Hold the lock of a key; call ``waiting`` once if another process has it."""
        lock = self._lock(key)
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            waiting()
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    def draft(self, key: str) -> Draft:
        """Start or restart a stage; the caller must hold its lock."""
        partial = self.root / "partial" / key
        outputs, scratch = partial / OUTPUTS, partial / _SCRATCH
        for folder in (partial, scratch):
            if folder.is_symlink() or not folder.is_dir():
                clear(folder)
        clear(outputs)
        outputs.mkdir(parents=True)
        scratch.mkdir(exist_ok=True)
        return Draft(outputs, scratch)

    def commit(self, key: str, draft: Draft, record: StepRecord) -> Entry:
        """Turn a draft into a finished stage by one atomic rename; the caller must hold its lock."""
        found = {"digest": digest_tree(draft.outputs), "files": sizes_of(file_states(draft.outputs))}
        text = json.dumps(record.model_copy(update=found).to_json())
        record = StepRecord.from_json(parse_json(text, most=len(text), wire=True))  # as it will be read
        record = record.model_copy(update={"record_digest": digest_of(record)})
        partial = draft.outputs.parent
        clear(partial / RECORD)
        (partial / RECORD).write_text(json.dumps(record.to_json(), indent=1), encoding="utf-8")
        clear(draft.scratch)
        flush_tree(partial)
        final = self._finished(key)
        clear(final)  # if it is there, it is damaged; otherwise get() would have returned it
        partial.rename(final)
        flush(final.parent)
        return Entry(key, final / OUTPUTS, record.digest, record)

    def clear_abandoned(self) -> None:
        """Remove what killed processes have left of unfinished stages.

        What a stage can resume from is kept for thirty days.
        """
        for partial in (self.root / "partial").iterdir():
            with contextlib.suppress(filelock.Timeout, OSError), self._lock(partial.name).acquire(timeout=0):
                if not _can_resume(partial / _SCRATCH):
                    clear(partial)
                elif (partial / OUTPUTS).is_dir():
                    clear(partial / OUTPUTS)

    def _lock(self, key: str) -> filelock.BaseFileLock:
        file = self.root / "locks" / f"{key}.lock"
        if file.is_symlink() or file.is_dir():
            clear(file)
        return filelock.FileLock(file)

    def _finished(self, key: str) -> Path:
        return self.root / "stages" / key


def _can_resume(scratch: Path) -> bool:
    """Return whether a scratch folder holds data that is not too old to be resumed from."""
    if scratch.is_symlink() or not scratch.is_dir():
        return False
    times = [(scratch / name).stat().st_mtime for name in list_files(scratch)]
    return bool(times) and max(times) > time.time() - _KEPT_SCRATCH_S
