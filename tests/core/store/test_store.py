import hashlib
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from edgecnn.core.documents.step_record import StepRecord
from edgecnn.core.errors import InputError
from edgecnn.core.store.digest import digest_tree
from edgecnn.core.store.store import Store

KEY = "k" * 64
RECORD = StepRecord(step="test", stage="test")
GOLDEN = Path(__file__).parents[1] / "documents" / "golden"


def commit(store: Store, text: str = "hello") -> None:
    with store.lock(KEY, lambda: None):
        draft = store.draft(KEY)
        (draft.outputs / "part").mkdir()
        (draft.outputs / "part" / "file.txt").write_text(text)
        store.commit(KEY, draft, RECORD)


def test_a_committed_stage_is_found_again_with_its_digest(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.get(KEY) is None
    commit(store)
    entry = Store(tmp_path).get(KEY)
    assert entry is not None
    assert (entry.outputs / "part" / "file.txt").read_text() == "hello"
    changes = {"digest": entry.digest, "files": {"part/file.txt": 5}}
    assert entry.record.model_copy(update={"record_digest": ""}) == RECORD.model_copy(update=changes)
    assert entry.check() == {"part/file.txt": hashlib.sha256(b"hello").hexdigest()}


def test_the_digest_is_that_of_names_and_bytes(tmp_path: Path) -> None:
    digests = []
    for name, text in (("a", "x"), ("b", "x"), ("c", "y")):
        store = Store(tmp_path / name)
        commit(store, text)
        entry = store.get(KEY)
        assert entry is not None
        digests.append(entry.digest)
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("damage", ["truncate", "remove", "record"])
def test_a_damaged_stage_counts_as_not_there_and_can_be_made_again(tmp_path: Path, damage: str) -> None:
    store = Store(tmp_path)
    commit(store)
    entry = store.get(KEY)
    assert entry is not None
    file = entry.outputs / "part" / "file.txt"
    if damage == "truncate":
        file.write_text("he")
    elif damage == "remove":
        file.unlink()
    else:
        (entry.outputs.parent / "stage.json").write_text("{")
    assert store.get(KEY) is None
    commit(store)
    assert store.get(KEY) is not None


def test_scratch_outlives_an_abandoned_draft_and_goes_with_the_commit(tmp_path: Path) -> None:
    store = Store(tmp_path)
    draft = store.draft(KEY)
    (draft.scratch / "epoch").write_text("3")
    (draft.outputs / "half").write_text("")
    again = store.draft(KEY)
    assert (again.scratch / "epoch").read_text() == "3"
    assert not list(again.outputs.iterdir())
    entry = store.commit(KEY, again, RECORD)
    assert not (entry.outputs.parent / "scratch").exists()


KILLED = """
import sys, pathlib
from edgecnn.core.documents.step_record import StepRecord
from edgecnn.core.store.digest import digest_tree
from edgecnn.core.store.store import Store
store = Store(pathlib.Path(sys.argv[1]))
key = "k" * 64
print("go", flush=True)
while True:
    with store.lock(key, lambda: None):
        draft = store.draft(key)
        for index in range(20):
            (draft.outputs / f"{index}.bin").write_bytes(bytes(20000))
        store.commit(key, draft, StepRecord(step="test", stage="test"))
    (store.root / "stages" / key / "outputs" / "0.bin").unlink()
"""


def test_a_process_killed_at_any_moment_leaves_a_whole_stage_or_none(tmp_path: Path) -> None:
    for delay in (0.0, 0.003, 0.007, 0.013, 0.02, 0.04):
        child = subprocess.Popen([sys.executable, "-c", KILLED, str(tmp_path)], stdout=subprocess.PIPE)
        assert child.stdout is not None
        assert child.stdout.readline() == b"go\n"
        time.sleep(delay)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        store = Store(tmp_path)
        entry = store.get(KEY)
        if entry is not None:
            assert len(list(entry.outputs.iterdir())) == 20, f"a half-written stage was read after {delay} s"
        with store.lock(KEY, lambda: None):  # a dead holder does not keep the lock
            pass
        commit(store)
        assert store.get(KEY) is not None
        (tmp_path / "stages" / KEY / "outputs" / "part" / "file.txt").unlink()


def _count(root: str, ready: Barrier, results: "multiprocessing.Queue[int]") -> None:
    store = Store(Path(root))
    ready.wait()
    made = 0
    with store.lock(KEY, lambda: None):
        if store.get(KEY) is None:
            draft = store.draft(KEY)
            (draft.outputs / "file").write_text("x" * 1000)
            time.sleep(0.2)
            store.commit(KEY, draft, RECORD)
            made = 1
    results.put(made)


def test_two_processes_make_a_stage_once(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(2), context.Queue()
    children = [context.Process(target=_count, args=(str(tmp_path), ready, results)) for _ in range(2)]
    for child in children:
        child.start()
    total = sum(results.get(timeout=60) for _ in children)
    for child in children:
        child.join()
    assert total == 1, "the stage was made twice"


def test_a_store_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written") as caught:
        Store(tmp_path / "file" / "store")
    assert "EDGECNN_HOME" in (caught.value.hint or "")


def test_a_record_of_another_schema_is_not_read(tmp_path: Path) -> None:
    store = Store(tmp_path)
    commit(store)
    record = tmp_path / "stages" / KEY / "stage.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "schema": 99}))
    assert store.get(KEY) is None


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("stage-*.json")), ids=lambda path: path.stem)
def test_an_entry_of_an_earlier_version_opens_and_is_written_as_it_was(path: Path, tmp_path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    entry = Store(tmp_path / "store").root / "stages" / KEY
    (entry / "outputs").mkdir(parents=True)
    for name, size in json.loads(text)["files"].items():
        (entry / "outputs" / name).write_bytes(bytes(size))
    text = text.replace(json.loads(text)["digest"], digest_tree(entry / "outputs"))
    (entry / "stage.json").write_text(text, encoding="utf-8")
    found = Store(tmp_path / "store").get(KEY)
    assert found is not None, f"{path.name} counts as damaged"
    assert json.dumps(found.record.to_json(), indent=1) == text
