"""The float file of an artifact in the store: what a manifest names is found, and no path is followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.backends.origin import float_file, stored
from edgecnn.core.config.paths import store_dir
from edgecnn.core.documents.source import ModelOrigin, StoreEntry
from edgecnn.core.documents.step_record import StepRecord
from edgecnn.core.errors import InputError
from edgecnn.core.store.store import Store
from tests.support import tiny_models as tiny
from tests.support.tiny_run import write_artifact

KEY = "a" * 64


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StoreEntry:
    """A float file in a store of the test's own."""
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))
    store = Store(store_dir())
    with store.lock(KEY, lambda: None):
        draft = store.draft(KEY)
        tiny.write_tflite(draft.outputs / "model.tflite", quantized=False)
        made = store.commit(KEY, draft, StepRecord(step="lower:tflite", stage="lower"))
    return StoreEntry(key=KEY, digest=made.digest)


def test_the_float_file_is_found(entry: StoreEntry, tmp_path: Path) -> None:
    artifact = write_artifact(tmp_path / "a", "tflite-int8", source=ModelOrigin(float=entry))
    assert float_file(artifact).name == "model.tflite"
    assert float_file(artifact).is_file()


def test_an_artifact_without_its_origin_says_what_to_give(entry: StoreEntry, tmp_path: Path) -> None:
    artifact = write_artifact(tmp_path / "a", "tflite-int8")
    with pytest.raises(InputError, match="does not say which float file") as caught:
        float_file(artifact)
    assert "--float" in str(caught.value.hint)


def test_another_file_under_the_key_is_not_taken(entry: StoreEntry, tmp_path: Path) -> None:
    other = entry.model_copy(update={"digest": "0" * 64})
    artifact = write_artifact(tmp_path / "a", "tflite-int8", source=ModelOrigin(float=other))
    with pytest.raises(InputError, match="no longer has the float file"):
        float_file(artifact)


@pytest.mark.parametrize("key", ["", "..", f"../stages/{KEY}", f"{KEY}/", f"{KEY}\n", KEY.upper(), "b" * 64])
def test_a_key_that_is_none_finds_nothing(entry: StoreEntry, key: str) -> None:
    assert stored(entry) is not None
    assert stored(entry.model_copy(update={"key": key})) is None
    assert stored(None) is None
