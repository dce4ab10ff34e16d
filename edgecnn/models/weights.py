"""Weight files: they are read without running code in them, and must fit the network exactly."""

from __future__ import annotations

import pickle
import struct
import warnings
from typing import TYPE_CHECKING, Any

import safetensors
import safetensors.torch
import torch

from edgecnn.core.errors import InputError
from edgecnn.core.files import is_file
from edgecnn.core.safetensors_header import check_safetensors
from edgecnn.core.text import first_line
from edgecnn.models.spec_file import PICKLES
from edgecnn.models.stem_and_classifier import class_layers, find_stem

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import IO

    from torch import Tensor, nn

_WRAPPERS = ("state_dict", "model")
_PARALLEL_PREFIX = "module."
_NAMED = 3

# Errors of torch.load(weights_only=True) on a truncated, foreign or hostile file: nearly any type, because
# the file decides what its unpickler does with Python's own types. None of our code runs inside that try.
_UNREADABLE = (
    pickle.UnpicklingError,
    RuntimeError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    AssertionError,
    OverflowError,
    MemoryError,
    struct.error,
)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a user's file of weights: ``.safetensors``, or a pickle of plain tensors.

    A pickle is read by torch's restricted unpickler, which builds only tensors. Two wrappers of training
    scripts are removed: one level of nesting under ``state_dict`` or ``model``, and the prefix ``module.`` of
    data-parallel training on every key.

    Returns:
        Tensors by qualified name, on the CPU.

    Raises:
        InputError: There is no such file, or it holds something other than named tensors.
    """
    if not is_file(path):
        raise InputError(f"there is no weight file {path}", hint=f"known: .safetensors, {', '.join(PICKLES)}")
    if path.suffix == ".safetensors":
        return read_safetensors(path)
    if path.suffix not in PICKLES:
        raise InputError(
            f"{path} is not a weight file by its name", hint=f"known: .safetensors, {', '.join(PICKLES)}"
        )
    with path.open("rb") as file:
        return read_pickle(file, str(path))


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file.

    Raises:
        InputError: The file cannot be read, is truncated, or is of another format.
    """
    check_safetensors(path)
    try:
        return safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError, ValueError, RuntimeError, LookupError) as error:
        raise InputError(f"{path} is not a whole safetensors file: {first_line(error)}") from error


def write_safetensors(state: Mapping[str, Tensor], path: Path) -> None:
    """Write a safetensors file; the same tensors give the same bytes.

    Raises:
        OSError: The file cannot be written.
    """
    # Copies, because safetensors refuses tensors that share memory, such as tied weights.
    copies = {key: value.detach().cpu().contiguous().clone() for key, value in state.items()}
    path.write_bytes(safetensors.torch.save(copies))


def read_pickle(file: IO[bytes], name: str) -> dict[str, Tensor]:
    """Read a pickled state dictionary with torch's restricted unpickler.

    Args:
        file: The pickle, open and seekable.
        name: Name of the file in messages.

    Raises:
        InputError: It holds something other than tensors, names a class or function, or is damaged.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of odd pickle protocols in a damaged file
            content = torch.load(file, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        raise InputError(
            f"{name} was refused: it is damaged, or a pickle of more than weights",
            hint="save the network's state_dict() alone, best as .safetensors",
        ) from error
    return _state_dictionary(content, name)


def _state_dictionary(content: Any, name: str) -> dict[str, Tensor]:
    for wrapper in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
            break
    if not isinstance(content, dict) or not content:
        raise InputError(f"{name} does not hold a state dictionary but a {type(content).__name__}")
    for key, value in content.items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor):
            raise InputError(f"{name} holds {key!r}, a {type(value).__name__}, where weights belong")
    if all(key.startswith(_PARALLEL_PREFIX) for key in content):
        content = {key.removeprefix(_PARALLEL_PREFIX): value for key, value in content.items()}
    return dict(content)


def load_weights(module: nn.Module, state: dict[str, Tensor], name: str) -> None:
    """Copy weights that fit exactly into a network.

    Args:
        module: The network; changed in place.
        state: Tensors by qualified name.
        name: Name of the weights in messages.

    Raises:
        InputError: A key is missing or superfluous, a shape differs, or a value is not finite.
    """
    own = module.state_dict()
    complaints = [
        *(f"{key} is missing" for key in own if key not in state),
        *(f"{key} is not in the network" for key in state if key not in own),
        *(
            f"{key} has shape {list(state[key].shape)}, the network {list(value.shape)}"
            for key, value in own.items()
            if key in state and state[key].shape != value.shape
        ),
    ]
    if complaints:
        rest = f" and {len(complaints) - _NAMED} more" if len(complaints) > _NAMED else ""
        raise InputError(
            f"{name} does not fit {type(module).__name__}: {'; '.join(complaints[:_NAMED])}{rest}",
            hint="the architecture and its arguments must be those that the weights were trained with",
        )
    for key, value in state.items():
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise InputError(f"{name}: {key} holds a value that is not finite")
    module.load_state_dict(state)


def adapt_weights(
    module: nn.Module, state: dict[str, Tensor], *, keep_classifier: bool
) -> tuple[dict[str, Tensor], bool]:
    """Adapt published weights to a network for other classes or for gray images.

    If the classifier, or a detector's score layers, differ in size, or ``keep_classifier`` is false, the
    network keeps its own random weights there. If the network has one input channel and the weights three,
    the stem's kernels are summed over the channels: the network then computes the same as for three equal
    channels.

    Returns:
        The weights to load, and whether the classifier in them is trained.
    """
    own, adapted = module.state_dict(), dict(state)
    stem = f"{find_stem(module)[0]}.weight"
    if stem in adapted and own[stem].shape[1] == 1 and adapted[stem].shape[1:2] == (3,):
        adapted[stem] = adapted[stem].sum(dim=1, keepdim=True)
    layers = [name for name in class_layers(module) if f"{name}.weight" in adapted]
    fits = all(adapted[f"{name}.weight"].shape == own[f"{name}.weight"].shape for name in layers)
    if not layers or (keep_classifier and fits):
        return adapted, True
    for key in (f"{name}.{part}" for name in layers for part in ("weight", "bias")):
        if key in own:
            adapted[key] = own[key]
    return adapted, False
