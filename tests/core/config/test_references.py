"""Looking up pipelines and targets by name or by path, with what they extend."""

from pathlib import Path

import pytest

from edgecnn.core.config.references import MAX_DEPTH, find, resolve
from edgecnn.core.errors import UsageError


@pytest.fixture
def targets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with a folder of targets."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "targets").mkdir()
    return tmp_path / "targets"


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text)


def test_a_users_file_comes_before_the_built_in_one_of_its_name(targets: Path) -> None:
    built_in = find("onnx-int8", "targets")
    (targets / "onnx-int8.yaml").write_text("description: mine\n")
    assert built_in.resolve() != (targets / "onnx-int8.yaml").resolve()
    assert find("onnx-int8", "targets").resolve() == (targets / "onnx-int8.yaml").resolve()


@pytest.mark.parametrize("reference", ["onnx-int8", "onnx-int8.yaml", "targets/onnx-int8.yaml"])
def test_a_built_in_file_is_found_by_its_name_with_and_without_its_suffix(
    targets: Path, reference: str
) -> None:
    assert find(reference, "targets").name == "onnx-int8.yaml"


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("onnx-int9", "unknown target 'onnx-int9'"),
        ("onnx-int9.yaml", "there is no file onnx-int9.yaml"),
        ("elsewhere/onnx-int8.yaml", "there is no file elsewhere/onnx-int8.yaml"),
    ],
)
def test_what_is_not_found_has_the_nearest_name(targets: Path, reference: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        find(reference, "targets")
    assert "onnx-int8" in str(caught.value.hint)


def test_a_file_overrides_what_it_extends(targets: Path) -> None:
    write(
        targets,
        first="extends: second\na: 1\nmap: {x: 1}\n",
        second="extends: third\na: 2\nb: 2\nmap: {y: 2}\n",
        third="a: 3\nb: 3\nc: 3\n",
    )
    data = resolve("first", "targets").data
    assert {key: data[key] for key in "abc"} == {"a": 1, "b": 2, "c": 3}
    assert data["map"] == {"x": 1, "y": 2}


def test_a_circle_is_drawn(targets: Path) -> None:
    write(targets, first="extends: second\n", second="extends: first\n")
    with pytest.raises(UsageError, match="'extends' forms a circle: first -> second -> first"):
        resolve("first", "targets")


def test_a_chain_of_too_many_files_is_refused(targets: Path) -> None:
    for number in range(MAX_DEPTH + 2):
        (targets / f"t{number}.yaml").write_text(f"extends: t{number + 1}\n")
    names = " -> ".join(f"t{number}" for number in range(MAX_DEPTH + 1))
    with pytest.raises(
        UsageError, match=rf"t{MAX_DEPTH - 1}\.yaml: .* more than {MAX_DEPTH} files: {names}$"
    ):
        resolve("t0", "targets")


def test_a_chain_of_as_many_files_as_are_allowed_is_read(targets: Path) -> None:
    for number in range(MAX_DEPTH - 1):
        (targets / f"t{number}.yaml").write_text(f"extends: t{number + 1}\n")
    (targets / f"t{MAX_DEPTH - 1}.yaml").write_text("a: 1\n")
    assert resolve("t0", "targets").data["a"] == 1


def test_extends_is_one_name(targets: Path) -> None:
    write(targets, first="extends: [a, b]\n")
    with pytest.raises(UsageError, match="extends must be one name"):
        resolve("first", "targets")
