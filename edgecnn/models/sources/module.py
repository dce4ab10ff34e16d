"""Networks that the user's own code makes: ``python:package.module:factory``.

A spec may come from a stranger's checkpoint, so a factory has to be recognizable as one of networks before it
is called.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.store.digest import digest_file
from edgecnn.core.text import unknown_name
from edgecnn.models.classes import imagenet_classes, numbered
from edgecnn.models.sources.described import DescribedSource, StartingWeights, check_arguments
from edgecnn.models.spec import ModelSpec
from edgecnn.ondevice.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from edgecnn.models.source import ModelRequest

_ENTRY = re.compile(r"(?P<module>[A-Za-z_]\w*(\.[A-Za-z_]\w*)*):(?P<factory>[A-Za-z_]\w*)")

_USUAL_CONTRACT = Contract(height=224, width=224)
"""Default contract of a user's network: torchvision's usual preprocessing."""


class ModuleSource(DescribedSource):
    """Factories of networks in modules that are installed, on PYTHONPATH or in this folder."""

    schemes = ("python",)
    counts_classes = True

    def content(self, reference: str, *, pretrained: bool) -> dict[str, str]:  # noqa: ARG002
        """Return the digest of the file of the factory's module.

        Raises:
            UsageError: The module cannot be found.
        """
        return {"code": _module_digest(reference.split(":")[1])}

    def describe(self, reference: str) -> ModelSpec:
        """Return a spec with the usual preprocessing, and as many classes as the factory makes by itself."""
        classes = _usual_classes(reference.partition(":")[2])
        return ModelSpec(builder=reference, contract=_USUAL_CONTRACT, classes=classes)

    def starting_weights(self, request: ModelRequest, base: ModelSpec) -> StartingWeights | None:  # noqa: ARG002
        """Nobody published weights of the user's own code: they are fresh."""
        if request.pretrained:
            raise UsageError(
                f"{request.reference} has no published weights", hint="give a file with --weights"
            )
        return None

    def build(self, spec: ModelSpec) -> nn.Module:
        """Call the factory; see the base class."""
        from torch import nn

        factory = find_factory(spec.builder.partition(":")[2])
        arguments, parameters = spec.arguments, inspect.signature(factory).parameters
        takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
        check_arguments(spec.builder, arguments, arguments if takes_any else parameters)
        own = {"classes": len(spec.classes), "in_channels": spec.contract.channels}
        passed = {**{name: value for name, value in own.items() if name in parameters}, **arguments}
        try:
            inspect.signature(factory).bind(**passed)
        except TypeError as error:
            raise UsageError(f"{spec.builder}: {error}") from error
        module = factory(**passed)
        if not isinstance(module, nn.Module):
            raise InputError(f"{spec.builder} returned a {type(module).__name__}, not a torch.nn.Module")
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
        raise unknown_name(f"factory in {match['module']}", match["factory"], vars(module))
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
    """Return whether a callable is a factory of networks, without calling it.

    Otherwise a ``spec.json`` from a stranger could name ``os:system``. A function that is neither of
    the standard library nor of an installed package is the user's own, and is trusted unannotated.
    """
    from torch import nn

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


def _usual_classes(entry: str) -> tuple[str, ...]:
    """Return as many classes as a user's factory makes when nobody says how many; ImageNet's otherwise."""
    parameter = inspect.signature(find_factory(entry)).parameters.get("classes")
    if parameter is not None and isinstance(parameter.default, int):
        return numbered(parameter.default)
    return imagenet_classes()


def _module_digest(module: str) -> str:
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError) as error:
        raise UsageError(f"python module {module!r} cannot be imported: {error}") from error
    if found is None or found.origin is None:
        raise UsageError(
            f"python module {module!r} cannot be found", hint="put its folder on PYTHONPATH or install it"
        )
    return digest_file(Path(found.origin))
