"""Targets with checked names: of a format, of runtimes, and of a compiler with its options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError, create_model

from edgecnn.backends import registry
from edgecnn.core.config.base import Schema
from edgecnn.core.config.references import resolve
from edgecnn.core.config.target import CompileConfig, Target
from edgecnn.core.config.yaml_source import YamlSource, merge, validate
from edgecnn.core.documents.document import reason
from edgecnn.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from edgecnn.core.config.yaml_events import Location


def load_target(name: str, changes: YamlSource | None = None) -> Target:
    """Load a target by name or path, with a pipeline's ``changes``.

    Raises:
        UsageError: There is no such target (the hint has the nearest name), the file is wrong, or it names a
            format, a runtime or a compiler that no backend provides, or ones that do not fit together.
    """
    source = resolve(name, "targets")
    if changes is not None:
        source = merge(source, changes)
    stem = name.rsplit("/", 1)[-1].removesuffix(".yaml")
    source = YamlSource({**source.data, "name": stem}, source.where, source.name)
    target = validate(source, Target)
    _require(source, "format", registry.find_format, target.format)
    _require(source, "runtime", registry.find_runtime, target.runtime)
    if target.reference_runtime is not None:
        _require(source, "reference_runtime", registry.find_runtime, target.reference_runtime)
    _require_one_format(source, target, () if changes is None else changes.where)
    return target if target.compile is None else _with_options(source, target, target.compile.compiler)


def compile_options(target: Target) -> dict[str, str]:
    """Return a target's compiler options, checked by the compiler's schema.

    The target may come from a manifest, which is not trusted.

    Raises:
        UsageError: The target has no NPU, no backend provides its compiler, or an option is unknown.
    """
    config = target.compile
    if config is None:
        raise UsageError(
            f"target {target.name!r} has no NPU to compile for", hint="`edgecnn targets` lists them all"
        )
    try:
        options = _options_model(config.compiler).model_validate(config.model_dump(exclude={"compiler"}))
    except ValidationError as error:
        raise UsageError(f"target {target.name!r}: compile: {reason(error)}") from error
    return options.model_dump(mode="json")


def runtime_options(target: Target) -> dict[str, str]:
    """Return the options that a target's runtime needs, such as the simulated chip.

    Raises:
        UsageError: No backend provides the target's compiler, or an option is unknown.
    """
    if target.compile is None or target.compile.compiler != target.runtime:
        return {}
    return compile_options(target)


def _require(source: YamlSource, key: str, find: Callable[[str], object], name: str) -> None:
    try:
        find(name)
    except UsageError as error:
        raise UsageError(f"{source.locate((key,))}: {key}: {error.message}", hint=error.hint) from error


def _require_one_format(source: YamlSource, target: Target, changed: Collection[Location]) -> None:
    """Require that a target's runtimes execute its format, and that the format has its precision.

    The error has the position of the key that a pipeline or an override changed: the target's file is right.
    """

    def place(key: str) -> str:
        return source.locate((key,) if (key,) in changed or ("format",) not in changed else ("format",))

    for key in ("runtime", "reference_runtime"):
        name = getattr(target, key)
        executed = target.format if name is None else registry.find_runtime(name).format
        if executed != target.format:
            raise UsageError(
                f"{place(key)}: {key}: {name} executes {executed}, and the format is {target.format}",
                hint=f"a target of {target.format}, or another runtime: `edgecnn targets` lists them",
            )
    known = registry.find_format(target.format).precisions
    if target.precision not in known:
        raise UsageError(
            f"{place('precision')}: precision: {target.format} has no {target.precision}",
            hint=f"it has {', '.join(known)}",
        )


def _with_options(source: YamlSource, target: Target, compiler: str) -> Target:
    """Return a target with all options of its compiler, including defaults."""
    try:
        options = _options_model(compiler)
    except UsageError as error:
        where = source.locate(("compile", "compiler"))
        raise UsageError(f"{where}: compile.compiler: {error.message}", hint=error.hint) from error
    given = {key: value for key, value in source.data["compile"].items() if key != "compiler"}
    section = create_model("Section", __base__=Schema, compile=(options, ...))
    checked: Any = validate(YamlSource({"compile": given}, source.where, source.name), section)
    values = {"compiler": compiler, **checked.compile.model_dump(mode="json")}
    return target.model_copy(update={"compile": CompileConfig.model_validate(values)})


def _options_model(compiler: str) -> type[Schema]:
    record = registry.find_compiler(compiler)
    model: type[Schema] = registry.load(record.options, record.origin)
    return model
