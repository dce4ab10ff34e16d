from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgecnn.core.errors import InputError
from edgecnn.data import classes
from edgecnn.data.classes import difference, read_classes

if TYPE_CHECKING:
    from pathlib import Path


def test_reads_names_in_order(tmp_path: Path) -> None:
    file = tmp_path / "classes.txt"
    file.write_bytes(b"\xef\xbb\xbftench\r\ngreat white shark\r\n\xc3\xa9toile\r\n\r\n")
    assert read_classes(file) == ("tench", "great white shark", "étoile")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "1: empty class name"), (b"a\n\nb\n", "2: empty class name"), (b"\xff\xfe", "not UTF-8")],
)
def test_bad_files_are_named(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "classes.txt"
    file.write_bytes(content)
    with pytest.raises(InputError, match=rf"classes\.txt.*{message}"):
        read_classes(file)


def test_missing_and_large_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="No such file"):
        read_classes(tmp_path / "classes.txt")
    monkeypatch.setattr(classes, "_MAX_BYTES", 4)
    (tmp_path / "classes.txt").write_text("many names")
    with pytest.raises(InputError, match="larger than"):
        read_classes(tmp_path / "classes.txt")


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (("a", "b"), ("a", "b"), None),
        (("a", "b"), ("a",), "only the first has 'b'"),
        (("a",), ("a", "b"), "only the second has 'b'"),
        (("a", "a"), ("a",), "the first has 2 classes, the second 1"),
        (("a", "b"), ("b", "a"), "the order differs: class 0 is 'a' in the first and 'b' in the second"),
        (tuple("abcdefgh"), ("a",), "only the first has 'b', 'c', 'd', 'e', 'f' and 2 more"),
    ],
)
def test_the_classes_of_two_datasets_differ_by_name(
    one: tuple[str, ...], other: tuple[str, ...], said: str | None
) -> None:
    assert difference(one, other) == said
