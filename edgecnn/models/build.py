"""Build a network from its spec: the one way from data to architecture.

A spec may come from a stranger's checkpoint, so building it must not run what the user did not install
as a network: zoo and library names are looked up in tables, and a ``python:`` factory has to be
recognizable as one before it is called.
"""

from __future__ import annotations

import importlib
import inspect
import re
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from torch import nn

from edgecnn.core.errors import InputError, UsageError
from edgecnn.models import libraries, zoo
from edgecnn.models.imported import network as imported
from edgecnn.models.widths import narrow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from edgecnn.models.spec import ModelSpec

_ENTRY = re.compile(r"(?P<module>[A-Za-z_]\w*(\.[A-Za-z_]\w*)*):(?P<factory>[A-Za-z_]\w*)")
_OWN_ARGUMENTS = ("classes", "in_channels")
_MAX_CLASSES = 100_000


def build(spec: ModelSpec) -> nn.Module:
    """Build the network that a spec describes, with fresh weights, in evaluation mode.

    Fresh weights come from torch's global random generator.

    Raises:
        UsageError: The builder does not exist or does not take the arguments.
        InputError: The spec's widths are not of this network, or its factory makes no network.
    """
    if not 1 <= len(spec.classes) <= _MAX_CLASSES:
        raise InputError(f"{spec.builder}: {len(spec.classes)} classes are not within 1..{_MAX_CLASSES}")
    scheme, _, name = spec.builder.partition(":")
    own = {"classes": len(spec.classes), "in_channels": spec.contract.channels}
    if scheme == "zoo":
        module = _build_zoo(name, own, spec.arguments)
    elif scheme in zoo.LIBRARIES:
        module = libraries.build(spec.builder, arguments=spec.arguments, **own)
    elif scheme == "python":
        module = _build_python(name, own, spec.arguments)
    elif scheme == "onnx":
        module = imported.build(spec.arguments)
    else:
        raise UsageError(
            f"{spec.builder!r} is not a model",
            hint="use zoo:NAME, timm:NAME, torchvision:NAME, python:package.module:factory or a checkpoint",
        )
    narrow(module, spec.widths)
    return module.eval()


def import_function(reference: str) -> Callable[..., Any]:
    """Import ``package.module:function`` out of one of edgecnn's own tables."""
    module, _, name = reference.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function


def _build_zoo(name: str, own: dict[str, int], arguments: dict[str, Any]) -> nn.Module:
    entry = zoo.find(name)
    builder = import_function(entry.builder)
    free = set(inspect.signature(builder).parameters) - set(_OWN_ARGUMENTS) - entry.arguments.keys()
    _check_arguments(f"zoo:{name}", arguments, free)
    module: nn.Module = builder(**own, **entry.arguments, **arguments)
    return module


def _build_python(entry: str, own: dict[str, int], arguments: dict[str, Any]) -> nn.Module:
    factory = find_factory(entry)
    parameters = inspect.signature(factory).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    _check_arguments(f"python:{entry}", arguments, arguments if takes_any else parameters)
    passed = {**{name: value for name, value in own.items() if name in parameters}, **arguments}
    try:
        inspect.signature(factory).bind(**passed)
    except TypeError as error:
        raise UsageError(f"python:{entry}: {error}") from error
    module = factory(**passed)
    if not isinstance(module, nn.Module):
        raise InputError(f"python:{entry} returned a {type(module).__name__}, not a torch.nn.Module")
    return module


def find_factory(entry: str) -> Callable[..., Any]:
    """Import the user's ``package.module:factory``.

    Raises:
        UsageError: There is no such module or factory, or it is not recognizable as one of networks.
    """
    match = _ENTRY.fullmatch(entry)
    if match is None:
        raise UsageError(f"python:{entry} is not of the form python:package.module:factory")
    module = _import_module(match["module"])
    factory = getattr(module, match["factory"], None)
    if factory is None:
        raise zoo.unknown(f"factory in {match['module']}", match["factory"], vars(module))
    if not _is_factory(factory):
        raise UsageError(
            f"python:{entry} is not recognizable as a factory of networks",
            hint="it must be a torch.nn.Module class, or a function annotated as returning torch.nn.Module",
        )
    return factory  # type: ignore[no-any-return]


def _import_module(name: str) -> Any:
    """Import a module by name; the working directory comes last on the path."""
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        return importlib.import_module(name)
    except (ImportError, SyntaxError) as error:
        raise UsageError(
            f"python:{name}: {error}", hint="the module must be installed, on PYTHONPATH, or in this folder"
        ) from error


def _is_factory(candidate: Any) -> bool:
    """Tell a factory of networks from any other callable, without calling it.

    Otherwise a ``spec.json`` from a stranger could name ``os:system``. A function that is neither of
    the standard library nor of an installed package is the user's own, and is trusted unannotated.
    """
    if inspect.isclass(candidate):
        return issubclass(candidate, nn.Module)
    if not inspect.isfunction(candidate):
        return False
    try:
        returned = get_type_hints(candidate).get("return")
    except (NameError, AttributeError, TypeError):  # an annotation for type checkers only
        returned = None
    if inspect.isclass(returned) and issubclass(returned, nn.Module):
        return True
    source = Path(candidate.__code__.co_filename).resolve()
    installed = {Path(sysconfig.get_path(kind)).resolve() for kind in ("stdlib", "purelib", "platlib")}
    return source.is_file() and not any(source.is_relative_to(folder) for folder in installed)


def _check_arguments(reference: str, arguments: dict[str, Any], known: Iterable[str]) -> None:
    for name in arguments:
        if name in _OWN_ARGUMENTS:
            raise UsageError(
                f"{reference}: argument {name!r} is edgecnn's own to set",
                hint="classes come from the data, channels from the preprocessing's color",
            )
        if name not in known:
            raise zoo.unknown(f"argument of {reference}", name, sorted(known))
