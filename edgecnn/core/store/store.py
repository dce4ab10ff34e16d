"""The store: finished stages by key, each committed by one atomic rename.

=====================  =====================================================================
``stages/KEY/``        a finished stage: its output files and ``stage.json``; never changed
``partial/KEY/``       an unfinished one; belongs to the holder of its lock and survives a kill
``locks/KEY.lock``     locked while a stage is being made, so that two runs make it only once
=====================  =====================================================================

The key is a digest of everything that the outputs depend on. A process that is killed at any moment leaves
either a finished directory or a partial one, which the next holder of the lock clears, except for its
``scratch`` folder: it holds the data from which a stage can resume, such as the last training epoch.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import filelock

from edgecnn.core.documents.step_record import StepRecord
from edgecnn.core.errors import InputError
from edgecnn.core.files import flush, flush_tree
from edgecnn.core.json_file import read_json
from edgecnn.core.store.digest import digest_tree, list_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

RECORD = "stage.json"


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
                (root / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"the store {root} cannot be written: {error.strerror}",
                hint="choose another folder with EDGECNN_HOME",
            ) from error

    def get(self, key: str) -> Entry | None:
        """Return a finished stage, or None if there is none or its files are damaged."""
        directory = self._finished(key)
        try:
            record = StepRecord.from_json(read_json(directory / RECORD))
        except InputError:
            return None
        outputs = directory / "outputs"
        return Entry(key, outputs, record.digest, record) if sizes(outputs) == record.files else None

    @contextlib.contextmanager
    def lock(self, key: str, waiting: Callable[[], None]) -> Iterator[None]:
        """Hold the lock of a key; call ``waiting`` once if another process has it."""
        lock = filelock.FileLock(self.root / "locks" / f"{key}.lock")
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
        outputs, scratch = partial / "outputs", partial / "scratch"
        shutil.rmtree(outputs, ignore_errors=True)
        outputs.mkdir(parents=True)
        scratch.mkdir(exist_ok=True)
        return Draft(outputs, scratch)

    def commit(self, key: str, draft: Draft, record: StepRecord) -> Entry:
        """Turn a draft into a finished stage by one atomic rename; the caller must hold its lock."""
        found = {"digest": digest_tree(draft.outputs), "files": sizes(draft.outputs)}
        record = record.model_copy(update=found)
        partial = draft.outputs.parent
        (partial / RECORD).write_text(json.dumps(record.to_json(), indent=1), encoding="utf-8")
        shutil.rmtree(draft.scratch, ignore_errors=True)
        flush_tree(partial)
        final = self._finished(key)
        if final.exists():  # it is damaged; otherwise get() would have returned it
            shutil.rmtree(final)
        partial.rename(final)
        flush(final.parent)
        return Entry(key, final / "outputs", record.digest, record)

    def _finished(self, key: str) -> Path:
        return self.root / "stages" / key


def sizes(directory: Path) -> dict[str, int]:
    """Return the size in bytes of every file below a directory, by relative path."""
    return {name: (directory / name).stat().st_size for name in list_files(directory)}
