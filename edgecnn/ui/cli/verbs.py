"""A group of verbs that are built when they are called.

Typer reads the annotations of every function before it looks at the command line. For all verbs together this
takes longer than everything else that the help needs.
"""

from __future__ import annotations

import inspect
from collections import UserDict
from typing import TYPE_CHECKING, Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

if TYPE_CHECKING:
    from collections.abc import Iterator


class LazyGroup(TyperGroup):
    """A command with verbs, each of which is built when it is asked for.

    A subclass names them in :attr:`verbs`; what is registered at the application itself is left out.
    """

    verbs: ClassVar[typer.Typer]
    """The application at which the verbs are registered."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = _Commands(_single(self.verbs))

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the verbs."""
        del ctx
        return list(self.commands)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the verbs and the first line of their help, without building them."""
        summaries = [TyperCommand(name, help=_help(verb)) for name, verb in _single(self.verbs)]
        TyperGroup(commands=summaries).format_commands(ctx, formatter)


class _Commands(UserDict[str, Any]):
    """Commands by name. What lies under a name is an application with one verb until it is read."""

    def __getitem__(self, name: str) -> Any:
        found = self.data[name]
        if isinstance(found, typer.Typer):
            self.data[name] = found = typer.main.get_group(found).commands[name]
        return found


def _single(verbs: typer.Typer) -> Iterator[tuple[str, typer.Typer]]:
    """Yield the name of each verb and an application that has this verb alone."""
    for command in verbs.registered_commands:
        one = typer.Typer(rich_markup_mode=verbs.rich_markup_mode)
        one.registered_commands.append(command)
        yield str(command.name), one
    for group in verbs.registered_groups:
        one = typer.Typer(rich_markup_mode=verbs.rich_markup_mode)
        one.registered_groups.append(group)
        yield str(group.name), one


def _help(verb: typer.Typer) -> str | None:
    """Return the help of the one verb of an application."""
    for command in verb.registered_commands:
        return command.help or inspect.getdoc(command.callback)
    inner = verb.registered_groups[0].typer_instance
    return None if inner is None else inner.info.help
