"""Every command and every path of the documentation exists.

Commands are parsed as the command line parses them, and not executed.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer

from edgecnn.core.config.paths import available
from edgecnn.models.zoo import ZOO
from edgecnn.ui.cli.main import app

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[2]
PACKAGE = PROJECT / "edgecnn"
PAGES = [PROJECT / "README.md", PROJECT / "ARCHITECTURE.md", *sorted((PROJECT / "docs").rglob("*.md"))]
ROOT: Any = typer.main.get_command(app)

_BLOCK = re.compile(r"^ *```\w*\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
_COMMAND = re.compile(r"^\s*(?:\$ |entry: |- run: |run: )?(edgecnn .*)$", re.MULTILINE)
_INLINE = re.compile(r"(?<!`)`(edgecnn [a-z][^`]*)`")
_PATH = re.compile(r"`((?:[A-Za-z0-9_.*-]+|<[a-z]+>)/[A-Za-z0-9_./<>*-]*)`")
_TARGET = re.compile(r"^```yaml\n# targets/(\S+)\.yaml$", re.MULTILINE)
_FOLDERS = {path.name for folder in (PROJECT, PACKAGE) for path in folder.iterdir() if path.is_dir()} - {
    "runs"
}
_MADE = {"edgecnn/_builtin"}
"""Folders that exist in the wheel alone."""


def in_blocks(page: Path) -> Iterator[str]:
    """Yield the commands in a page's blocks of code, each on one line."""
    for block in _BLOCK.findall(page.read_text(encoding="utf-8")):
        joined = re.sub(r"\$\{\{.*?\}\}", "quickstart", block.replace("\\\n", " "))
        yield from _COMMAND.findall(joined)


def parsed(command: str) -> dict[str, Any]:
    """Return the parameters of a command, parsed as the command line does it."""
    group, words = ROOT, shlex.split(command, comments=True)[1:]
    while hasattr(group, "commands"):
        name = words.pop(0)
        assert name in group.commands, f"there is no verb {name!r} in {command!r}"
        group = group.commands[name]
    parameters: dict[str, Any] = group.make_context(group.name, words).params
    return parameters


def unknown_names(parameters: dict[str, Any], page: str = "") -> list[str]:
    """Return the names of targets, networks and toolchains in a command's parameters that do not exist.

    The text of a page may show the file of a target, in a block that begins with the file's path.
    """
    known = {*available("targets"), *_TARGET.findall(page)}
    targets = parameters.get("target") or ()
    unknown = [name for name in ([targets] if isinstance(targets, str) else targets) if name not in known]
    flat = [
        word
        for value in parameters.values()
        for word in (value if isinstance(value, (list, tuple)) else (value,))
    ]
    zoo = [word.removeprefix("zoo:") for word in flat if isinstance(word, str) and word.startswith("zoo:")]
    return unknown + [name for name in zoo if name not in ZOO]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_parse(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for command in in_blocks(page):
        assert not unknown_names(parsed(command), text), command


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_verbs_and_options_that_a_page_mentions_exist(page: Path) -> None:
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    for command in _INLINE.findall(text):
        group, words = ROOT, command.split()[1:]
        while hasattr(group, "commands") and words and re.fullmatch("[a-z]+", words[0]):
            assert words[0] in group.commands, f"there is no verb for `{command}`"
            group = group.commands[words.pop(0)]
        options = {
            name for parameter in group.params for name in (*parameter.opts, *parameter.secondary_opts)
        }
        wrong = [word for word in words if word.startswith("--") and word not in {*options, "--help"}]
        assert not wrong, f"`{command}` has unknown options"


def test_there_are_commands_in_the_pages() -> None:
    assert sum(len(list(in_blocks(page))) for page in PAGES) > 60, "the commands were not found"


def verbs(name: str, group: Any) -> Iterator[tuple[str, Any]]:
    """Yield every verb with its whole name."""
    if hasattr(group, "commands"):
        for inner in group.commands:
            yield from verbs(f"{name} {inner}", group.commands[inner])
    else:
        yield name, group


@pytest.mark.parametrize(("name", "verb"), list(verbs("edgecnn", ROOT)), ids=str)
def test_the_examples_of_a_verb_parse_and_begin_with_itself(name: str, verb: Any) -> None:
    examples = _COMMAND.findall((verb.epilog or "").replace("\b", ""))
    assert any(example.startswith(f"{name} ") or example == name for example in examples), "there is none"
    for example in examples:
        assert not unknown_names(parsed(example)), example


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_paths_that_a_page_names_exist(page: Path) -> None:
    text = _BLOCK.sub("", page.read_text(encoding="utf-8"))
    missing = []
    for path in _PATH.findall(text):
        pattern = re.sub("<[a-z]+>", "*", path).rstrip("/")
        if pattern.split("/")[0] in _FOLDERS and pattern not in _MADE and not exists(pattern):
            missing.append(path)
    assert not missing, f"{page.name} names what does not exist: {missing}"


def exists(pattern: str) -> bool:
    """Return whether a path, or a module without its suffix, is in the project or in the package."""
    return any(
        next(folder.glob(name), None) is not None
        for folder in (PROJECT, PACKAGE)
        for name in (pattern, f"{pattern}.py")
    )
