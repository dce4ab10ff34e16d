"""The reference pages: verbs from the command line itself, keys of YAML files from their schemas."""

from __future__ import annotations

import ast
import inspect
import textwrap
import types
import typing
from itertools import pairwise
from typing import Any, get_args, get_origin

import typer
from pydantic import BaseModel
from values import kinds, values_of

from edgecnn.backends.registry import compilers, formats, load, runtimes
from edgecnn.backends.targets import load_target
from edgecnn.core.config.pipeline import PipelineSpec
from edgecnn.core.config.target import Target, target_names
from edgecnn.ui.cli.main import app

if typing.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pydantic.fields import FieldInfo

_NOTE = "<!-- This page is generated: change the code's help texts and docstrings, then run `make docs`. -->"


def cli_page() -> str:
    """Return the reference of every verb."""
    root = typer.main.get_command(app)
    parts = [_NOTE, "# Command line", (root.help or "").strip()]
    parts += [_verb(name, command) for name, command in _commands("edgecnn", root)]
    return "\n\n".join(parts) + "\n"


def _commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    verbs: dict[str, Any] | None = getattr(command, "commands", None)
    if verbs is not None:
        for verb, inner in verbs.items():
            yield from _commands(f"{name} {verb}", inner)
    else:
        yield name, command


def _verb(name: str, command: Any) -> str:
    lines = [f"## {name}", (command.help or "").strip()]
    rows = [_parameter(parameter) for parameter in command.params if getattr(parameter, "help", None)]
    if rows:
        lines.append("| argument | meaning |\n|---|---|\n" + "\n".join(rows))
    if command.epilog:
        lines.append("```bash\n" + "\n".join(_examples(command.epilog)) + "\n```")
    return "\n\n".join(lines)


def _examples(epilog: str) -> list[str]:
    words = [line.strip() for line in epilog.replace("\b", "").splitlines()]
    return [line for line in words if line.startswith("edgecnn ")] or [line for line in words if line]


def _parameter(parameter: Any) -> str:
    options = parameter.param_type_name == "option"
    names = ", ".join(parameter.opts) if options else (parameter.metavar or parameter.name or "").upper()
    value = f" {parameter.metavar}" if options and parameter.metavar else ""
    text = " ".join(str(getattr(parameter, "help", "")).split())
    return f"| `{names}{value}` | {_cell(text)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def pipeline_page() -> str:
    """Return the reference of a pipeline's keys."""
    return _schema_page("Keys of a pipeline", PipelineSpec)


def targets_page() -> str:
    """Return the built-in targets and the reference of a target's keys."""
    rows = "\n".join(
        f"| `{name}` | {_cell(' '.join(load_target(name).description.split()))} |" for name in target_names()
    )
    listed = f"# Targets\n\n| target | what it is |\n|---|---|\n{rows}\n\n"
    names = (
        f"Formats: {_listed(formats())}. Runtimes: {_listed(runtimes())}. Compilers: {_listed(compilers())}."
    )
    keys = _schema_page("Keys of a target", Target).removeprefix(f"{_NOTE}\n\n")
    options = [
        _section(f"compile: {{compiler: {record.name}}}", load(record.options, record.origin))
        for record in compilers().values()
    ]
    return "\n\n".join([f"{_NOTE}\n\n{listed}{names}", keys.rstrip(), *options]) + "\n"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _schema_page(title: str, model: type[BaseModel]) -> str:
    parts = [_NOTE, f"# {title}", f"Quantities:\n\n{kinds()}"]
    parts += [_section(path, found) for path, found in _models("", model)]
    return "\n\n".join(parts) + "\n"


def _section(path: str, model: type[BaseModel]) -> str:
    meanings = _docstrings(model)
    rows = [
        f"| `{name}` | {_cell(values_of(field))} | {_cell(_default(field))} | {_cell(meanings[name])} |"
        for name, field in model.model_fields.items()
    ]
    about = " ".join((model.__doc__ or "").split())
    title = f"## `{path}`\n\n" if path else ""
    return f"{title}{about}\n\n| key | values | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows)


def _docstrings(model: type[BaseModel]) -> dict[str, str]:
    """Return the strings below the fields of a schema and of the schemas that it extends.

    Pydantic can collect them too, but only whenever a schema is imported, at the cost of every command.
    """
    found: dict[str, str] = {}
    for kind in reversed(model.__mro__):
        if issubclass(kind, BaseModel) and kind is not BaseModel:
            (parsed,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
            for field, text in pairwise(parsed.body if isinstance(parsed, ast.ClassDef) else ()):
                match field, text:
                    case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(
                        value=ast.Constant(value=str(said))
                    ):
                        found[name] = " ".join(said.split())
    return found


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None or isinstance(value, bool):
        return "" if value is None else f"`{str(value).lower()}`"
    if value in ({}, (), "") or isinstance(value, BaseModel):
        return ""
    return f"`{list(value) if isinstance(value, tuple) else value}`"


def _models(path: str, model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield a schema and all schemas inside it, each with the dotted path to it."""
    yield path, model
    for name, field in model.model_fields.items():
        inner = f"{path}.{name}" if path else name
        for found in _inside(field.annotation):
            yield from _models(inner, found)


def _inside(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated, list, tuple, dict):
        for argument in get_args(annotation):
            yield from _inside(argument)
