"""Tests of the permission to run the code that a file names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from edgecnn.core import named_code, process
from edgecnn.core.documents.arguments import arguments
from edgecnn.core.errors import InputError
from edgecnn.core.named_code import named_by_user, names_of_user, require_named

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OWN = "python:nets:Net"


@pytest.fixture(autouse=True)
def _nothing_named() -> Iterator[None]:
    """Other tests of this process name networks until it ends."""
    token = named_code._NAMED.set(frozenset())
    yield
    named_code._NAMED.reset(token)


@arguments
class Question:
    """A builder for a child process to judge."""

    builder: str


def ask(question: Question) -> list[str]:
    """Return what the user has named, after checking a builder; runs in a child process."""
    require_named(question.builder, "spec.json")
    return names_of_user()


def test_code_is_permitted_only_where_the_user_named_the_very_same() -> None:
    with pytest.raises(InputError, match=r"spec\.json wants the code python:nets:Net to be run") as caught:
        require_named(OWN, "spec.json")
    assert caught.value.exit_code == 2
    assert f"--network {OWN}" in (caught.value.hint or "")
    with named_by_user(OWN, None, "zoo:mobilenetv2"):
        require_named(OWN, "spec.json")
        with named_by_user("python:nets:Other"):
            assert names_of_user() == [OWN, "python:nets:Other"]
        for other in ("python:nets:Other", "python:nets:net", "python:nets.Net:Net", f"{OWN} "):
            with pytest.raises(InputError):
                require_named(other, "spec.json")
    with pytest.raises(InputError):
        require_named(OWN, "spec.json")


@pytest.mark.parametrize("builder", ["zoo:mobilenetv2", "timm:resnet18", "onnx:net", "", "os:system"])
def test_what_is_no_code_is_none_of_its_business(builder: str) -> None:
    require_named(builder, "spec.json")


@pytest.mark.parametrize(
    "builder",
    ["python:", "python:os", "python:a:b; rm -rf ~", "python:a\n:b", "python:é:b", f"python:{'a' * 300}:b"],
)
def test_a_hint_repeats_nothing_but_a_plain_reference(builder: str) -> None:
    with pytest.raises(InputError, match="names code, and not in the form") as caught:
        require_named(builder, "spec.json")
    assert caught.value.hint == "the file is damaged or forged: do not use it"


def test_a_child_process_knows_what_its_parent_s_user_named(tmp_path: Path) -> None:
    entry = "tests.core.test_named_code:ask"
    with named_by_user(OWN):
        child = process.call(entry, Question(OWN), log=tmp_path / "log")
    assert child.read(list[str]) == [OWN]
    with pytest.raises(InputError, match="wants the code"):
        process.call(entry, Question(OWN), log=tmp_path / "log")


def test_the_working_directory_takes_no_library_s_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pydantic.py").write_text("raise SystemExit('not the library')")
    child = process.call("tests.core.test_named_code:ask", Question("zoo:x"), log=tmp_path / "log")
    assert child.value == []
