import json
from pathlib import Path

import pytest

from edgecnn.core.errors import DamagedEntry, InputError
from edgecnn.core.store.manifest import MAX_BYTES, Artifact
from tests.support.tiny_models import CONTRACT
from tests.support.tiny_run import write_artifact


def make(folder: Path, content: bytes = b"model") -> Artifact:
    model = folder / "model.onnx"
    model.write_bytes(content)
    return write_artifact(folder / "artifact", "onnx-fp32", model=model)


def test_an_artifact_reads_back_what_was_published(tmp_path: Path) -> None:
    made = make(tmp_path)
    opened = Artifact.open(tmp_path / "artifact")
    assert opened.manifest == made.manifest
    assert opened.model.read_bytes() == b"model"
    assert opened.contract == CONTRACT


def test_publishing_again_replaces_and_leaves_nothing_behind(tmp_path: Path) -> None:
    make(tmp_path)
    make(tmp_path, b"other")
    assert Artifact.open(tmp_path / "artifact").model.read_bytes() == b"other"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["artifact", "model.onnx"]


def change(folder: Path, **values: object) -> None:
    path = folder / "artifact" / "manifest.json"
    plain = json.loads(path.read_text())
    plain.pop("manifest_digest")  # as a forger or an earlier version would
    path.write_text(json.dumps({**plain, **values}))


def test_a_changed_manifest_is_named(tmp_path: Path) -> None:
    make(tmp_path)
    path = tmp_path / "artifact" / "manifest.json"
    path.write_text(path.read_text().replace('"size_bytes": 5', '"size_bytes": 4'))
    with pytest.raises(InputError, match="was changed since it was written"):
        Artifact.open(tmp_path / "artifact")


def test_a_model_that_changes_after_the_artifact_was_opened_is_not_read(tmp_path: Path) -> None:
    artifact = make(tmp_path)
    assert artifact.model_bytes() == b"model"
    artifact.model.write_bytes(b"modem")
    with pytest.raises(InputError, match="was changed since it was verified"):
        artifact.model_bytes()
    artifact.model.unlink()
    with pytest.raises(InputError, match="cannot be read"):
        artifact.model_bytes()


def test_a_file_that_is_not_the_described_one_is_not_published(tmp_path: Path) -> None:
    made = make(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"modem")
    with pytest.raises(DamagedEntry, match="was changed since its step made it"):
        Artifact.publish([tmp_path / "model.onnx"], made.manifest, tmp_path / "artifact")
    assert Artifact.open(tmp_path / "artifact").model_bytes() == b"model", "the older artifact stays"


def test_a_changed_model_is_named(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "artifact" / "model.onnx").write_bytes(b"modem")
    with pytest.raises(InputError, match=r"model\.onnx was changed since it was verified"):
        Artifact.open(tmp_path / "artifact")


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    make(tmp_path)
    (tmp_path / "artifact" / "model.onnx").unlink()
    with pytest.raises(InputError, match=r"model\.onnx is missing"):
        Artifact.open(tmp_path / "artifact")


@pytest.mark.parametrize("name", ["../model.onnx", "/etc/passwd", "a/b"])
def test_a_path_out_of_the_artifact_is_not_followed(tmp_path: Path, name: str) -> None:
    make(tmp_path)
    change(tmp_path, model=name, files={name: "0"})
    with pytest.raises(InputError, match="not a plain file name"):
        Artifact.open(tmp_path / "artifact")


def test_another_schema_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    change(tmp_path, schema_version=2)
    with pytest.raises(InputError, match="has schema 2; this version reads 1"):
        Artifact.open(tmp_path / "artifact")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"schema_version": 1}', "null"])
def test_what_is_no_manifest_is_named(tmp_path: Path, text: str) -> None:
    make(tmp_path)
    (tmp_path / "artifact" / "manifest.json").write_text(text)
    with pytest.raises(InputError, match=r"manifest\.json"):
        Artifact.open(tmp_path / "artifact")


def test_a_contract_that_is_none_is_refused(tmp_path: Path) -> None:
    make(tmp_path)
    change(tmp_path, contract={"height": 0, "width": 1})
    with pytest.raises(InputError, match="input size 0x1"):
        Artifact.open(tmp_path / "artifact")


def test_a_directory_without_a_manifest_says_what_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not an artifact") as caught:
        Artifact.open(tmp_path)
    assert "edgecnn export" in (caught.value.hint or "")


def test_a_huge_manifest_is_not_read(tmp_path: Path) -> None:
    make(tmp_path)
    with (tmp_path / "artifact" / "manifest.json").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(InputError, match="larger than"):
        Artifact.open(tmp_path / "artifact")


def test_what_is_used_is_a_copy_of_what_was_verified(tmp_path: Path) -> None:
    opened = make(tmp_path)
    copied = opened.copy(tmp_path / "deep" / "copy")
    make(tmp_path, b"a newer model")
    assert copied.model.read_bytes() == b"model"
    assert copied.manifest == opened.manifest
    with pytest.raises(InputError, match="was replaced or changed while it was read"):
        opened.copy(tmp_path / "another copy")


def test_a_copy_of_an_artifact_that_was_taken_away_is_refused(tmp_path: Path) -> None:
    opened = make(tmp_path)
    opened.model.unlink()
    with pytest.raises(InputError, match="was replaced or changed while it was read"):
        opened.copy(tmp_path / "copy")
