"""Networks that the user's own code makes: ``python:package.module:factory``.

Only a factory that the user named is imported (:mod:`edgecnn.core.named_code`), and it has to be recognizable
as one of networks before it is called.
"""

from __future__ import annotations

import contextlib
import copy
import importlib
import inspect
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from pydantic import JsonValue

from edgecnn.core import process
from edgecnn.core.documents.arguments import arguments
from edgecnn.core.documents.document import Document
from edgecnn.core.errors import EdgecnnError, InputError, UsageError
from edgecnn.core.kept_log import temporary_folder
from edgecnn.core.named_code import ENTRY, named_by_user
from edgecnn.core.store.digest import digest_json
from edgecnn.core.text import one_line, unknown_name
from edgecnn.models.classes import imagenet_classes, numbered
from edgecnn.models.fresh_source import compile_own_code_anew
from edgecnn.models.own_code import CodeWatch, is_installed
from edgecnn.models.sources.described import DescribedSource, StartingWeights, check_arguments
from edgecnn.models.spec import ModelSpec, OwnCode
from edgecnn.ondevice.contract import Contract

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import nn

    from edgecnn.models.source import ModelRequest

_USUAL_CONTRACT = Contract(height=224, width=224)
"""Default contract of a user's network: torchvision's usual preprocessing."""


class ModuleSource(DescribedSource):
    """Factories of networks in modules that are installed, on PYTHONPATH or in this folder."""

    schemes = ("python",)
    counts_classes = True

    def content(self, reference: str, *, pretrained: bool) -> dict[str, str]:  # noqa: ARG002
        """Return nothing: the content is the code."""
        return {}

    def code(self, reference: str, arguments: Mapping[str, JsonValue]) -> dict[str, str]:
        """Return the digest of the factory's code; see the base class."""
        return {"code": code_digest(reference, arguments)}

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
        module = _called(factory, passed, spec.builder)
        if not isinstance(module, nn.Module):
            raise InputError(f"{spec.builder} returned a {type(module).__name__}, not a torch.nn.Module")
        return module


@arguments
class OwnCodeRequest:
    """A factory of networks whose code a child process finds.

    Attributes:
        reference: Its ``python:`` reference.
        arguments: Arguments of the factory.
    """

    reference: str
    arguments: dict[str, JsonValue]


class FoundCode(Document):
    """The code of a factory, and the network that it builds here and now."""

    code: OwnCode
    """What was loaded and read."""

    layers: list[tuple[str, str]]
    """Name and class of every layer."""

    tensors: list[tuple[str, str, list[int]]]
    """Name, type and shape of every parameter and buffer."""


def find_code(request: OwnCodeRequest) -> FoundCode:
    """Build a network, run it once, and return the code that was loaded for it; runs in a child process.

    A network that cannot be built is no error here: the step that needs it says so.

    Raises:
        UsageError: The factory's module cannot be imported, or holds no such factory.
        InputError: The module raises an exception.
    """
    from edgecnn.models.build import build, count_outputs

    source = ModuleSource()
    watch = CodeWatch()
    spec = source.describe(request.reference).with_arguments(request.arguments)
    layers, tensors = [], []
    with contextlib.suppress(EdgecnnError):
        module = build(spec)
        layers = [(name, type(layer).__qualname__) for name, layer in module.named_modules()]
        state = module.state_dict()
        tensors = [(name, str(value.dtype), [*value.shape]) for name, value in state.items()]
        count_outputs(module, spec)
        try_training(module, spec)
    return FoundCode(code=watch.found(request.reference), layers=layers, tensors=tensors)


def try_training(module: nn.Module, spec: ModelSpec) -> None:
    """Run a copy of a network as training does, so that what it loads only then is loaded.

    A network that cannot be copied, or cannot be trained, is no error here.
    """
    import torch

    contract = spec.contract
    images = torch.zeros(2, contract.channels, contract.height, contract.width)
    with contextlib.suppress(Exception), torch.no_grad():
        copy.deepcopy(module).train()(images)


def code_digest(reference: str, arguments: Mapping[str, JsonValue]) -> str:
    """Return a digest of the code that a factory uses, which a child process finds by building the network.

    The network's layers and sizes are a part of it: they may depend on what is not in the code, such as the
    working directory or whether a file exists.

    Args:
        reference: A ``python:`` reference that the user named.
        arguments: Arguments of the factory.

    Raises:
        UsageError: The module cannot be imported, or holds no such factory.
    """
    with temporary_folder("code") as folder, named_by_user(reference):
        request = OwnCodeRequest(reference, dict(arguments))
        child = process.call("edgecnn.models.sources.module:find_code", request, log=folder / "log")
    return digest_json(child.read(FoundCode).to_json())


def find_factory(entry: str) -> Callable[..., Any]:
    """Import the user's ``package.module:factory``.

    Raises:
        UsageError: There is no such module or factory, or it is not recognizable as one of networks.
        InputError: The module raises an exception.
    """
    match = ENTRY.fullmatch(entry)
    if match is None:
        raise UsageError(
            f"python:{entry} does not name a module and a factory in it",
            hint="write python:package.module:factory, such as python:nets:small for small() in nets.py",
        )
    module = _import_module(match["module"])
    factory = getattr(module, match["factory"], None)
    if factory is None:
        raise unknown_name(f"factory in {match['module']}", match["factory"], vars(module))
    _check_factory(factory, entry)
    return factory  # type: ignore[no-any-return]


def _import_module(name: str) -> Any:
    """Import a module by name; the working directory comes last on the path."""
    compile_own_code_anew()
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.append(here)
    try:
        return importlib.import_module(name)
    except (ImportError, SyntaxError) as error:
        raise UsageError(
            f"python:{name}: {error}", hint="the module must be installed, on PYTHONPATH, or in this folder"
        ) from error
    except (EdgecnnError, KeyboardInterrupt):
        raise
    except BaseException as error:  # the user's code may raise anything
        raise _raised(f"python:{name}", error) from error


def _called(factory: Callable[..., Any], passed: dict[str, Any], builder: str) -> Any:
    """Call a factory; an exception that it raises is the user's to mend."""
    try:
        return factory(**passed)
    except (EdgecnnError, KeyboardInterrupt):
        raise
    except BaseException as error:  # the user's code may raise anything
        raise _raised(builder, error) from error


def _raised(what: str, error: BaseException) -> InputError:
    """Return the error about an exception of the user's code, with the line that raised it."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return InputError(
        f"{what} raised {type(error).__name__}: {one_line(error)}",
        hint=f"see {last.filename}, line {last.lineno}",
    )


def _check_factory(candidate: Any, entry: str) -> None:
    """Refuse what is not recognizable as a factory of networks, without calling it.

    A function or class of the user's own files is trusted, the function even without annotations. One of an
    installed package has to belong to the package that the user named, and a function has to be annotated as
    returning a network; PyTorch's own functions, which can run the text of a program, never are factories.

    Raises:
        UsageError: It is not a factory.
    """
    from torch import nn

    is_class = inspect.isclass(candidate) and issubclass(candidate, nn.Module)
    if not is_class and not inspect.isfunction(candidate):
        raise _no_factory(entry)
    package = candidate.__module__.partition(".")[0]
    if not is_installed(_source(candidate)):
        return
    if package != entry.partition(":")[0].partition(".")[0]:
        raise UsageError(
            f"python:{entry} is not your own code, but that of {candidate.__module__}",
            hint=f"name it where it is defined, python:{candidate.__module__}:{candidate.__name__}, "
            "or write a function that calls it",
        )
    if not is_class and (package == "torch" or not _returns_network(candidate)):
        raise _no_factory(entry)


def _no_factory(entry: str) -> UsageError:
    return UsageError(
        f"python:{entry} is not recognizable as a factory of networks",
        hint="it must be a torch.nn.Module class, or a function annotated as returning torch.nn.Module",
    )


def _source(candidate: Any) -> Path | None:
    """Return the file that a class or function was defined in; None if it has none."""
    if inspect.isclass(candidate):
        file = getattr(sys.modules.get(candidate.__module__), "__file__", None)
        return None if file is None else Path(file)
    return Path(inspect.unwrap(candidate).__code__.co_filename)


def _returns_network(function: Callable[..., Any]) -> bool:
    from torch import nn

    try:
        returned = get_type_hints(function).get("return")
    except (NameError, AttributeError, TypeError):  # an annotation for type checkers only
        return False
    return inspect.isclass(returned) and issubclass(returned, nn.Module)


def _usual_classes(entry: str) -> tuple[str, ...]:
    """Return as many classes as a user's factory makes when nobody says how many; ImageNet's otherwise."""
    parameter = inspect.signature(find_factory(entry)).parameters.get("classes")
    if parameter is not None and isinstance(parameter.default, int):
        return numbered(parameter.default)
    return imagenet_classes()
