import typer
from typer.core import TyperGroup

from edgecnn.ui.cli.main import app
from edgecnn.ui.cli.verbs import LazyGroup


def new_root() -> LazyGroup:
    root = typer.main.get_command(app)
    assert isinstance(root, LazyGroup)
    return root


def built(root: LazyGroup) -> list[str]:
    """Return the names of the verbs that were built."""
    return [name for name, found in vars(root.commands)["data"].items() if not isinstance(found, typer.Typer)]


def test_the_help_builds_no_verb_and_lists_them_as_if_they_were_built() -> None:
    root = new_root()
    context = root.make_context("edgecnn", [], resilient_parsing=True)
    listed, usual = context.make_formatter(), context.make_formatter()
    root.format_commands(context, listed)
    assert built(root) == []
    TyperGroup.format_commands(root, context, usual)
    assert built(root) == list(root.commands)
    assert listed.getvalue() == usual.getvalue()
    assert "export" in usual.getvalue()


def test_only_the_called_verb_is_built_and_once() -> None:
    root = new_root()
    context = root.make_context("edgecnn", ["baseline", "accept"])
    name, command, _ = root.resolve_command(context, ["baseline", "accept"])
    assert (name, built(root)) == ("baseline", ["baseline"])
    assert isinstance(command, TyperGroup)
    assert list(command.commands) == ["accept"]
    assert root.commands["baseline"] is command
