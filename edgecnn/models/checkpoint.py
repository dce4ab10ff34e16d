"""Checkpoints: a directory with ``model.safetensors`` and ``spec.json``. Never a pickle."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError
from edgecnn.core.files import draft_file, read_bounded
from edgecnn.models.build import build
from edgecnn.models.spec import ModelSpec
from edgecnn.models.weights import PICKLES, load_weights, read_safetensors, write_safetensors

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

WEIGHTS_FILE = "model.safetensors"
SPEC_FILE = "spec.json"
_MAX_SPEC_BYTES = 16 * 1024 * 1024


def save_checkpoint(directory: Path, module: nn.Module, spec: ModelSpec) -> None:
    """Write a network as a checkpoint; the same network and spec give the same bytes.

    Each file is renamed into place only when it is complete, the spec last.

    Args:
        directory: Created where it is missing; an older checkpoint in it is replaced.
        module: The network; parameters and buffers are saved in float32 or whatever type they have.
        spec: Description from which the network is rebuilt.

    Raises:
        InputError: The directory cannot be written, or the disk is full.
    """
    document = json.dumps(spec.to_json(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    try:
        with draft_file(directory / SPEC_FILE) as spec_draft:
            with draft_file(directory / WEIGHTS_FILE) as weights_draft:
                write_safetensors(module.state_dict(), weights_draft)
            spec_draft.write_text(document, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write checkpoint {directory}: {error.strerror}") from error


def load_checkpoint(directory: Path) -> tuple[nn.Module, ModelSpec]:
    """Rebuild a network from a checkpoint, in evaluation mode, on the CPU.

    Raises:
        InputError: The directory is not a checkpoint, holds a pickle, is truncated, or its weights do not fit
            its spec.
        UsageError: The spec names a builder that does not exist here.
    """
    spec = read_spec(directory)
    module = build(spec)
    path = directory / WEIGHTS_FILE
    load_weights(module, read_safetensors(path), str(path))
    return module, spec


def read_spec(directory: Path) -> ModelSpec:
    """Read the spec of a checkpoint without building the network.

    Raises:
        InputError: The directory is not a checkpoint, holds a pickle, or its spec is damaged.
    """
    _check_files(directory)
    path = directory / SPEC_FILE
    try:
        document = json.loads(read_bounded(path, _MAX_SPEC_BYTES))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    return ModelSpec.from_json(document, str(path))


def _check_files(directory: Path) -> None:
    if not directory.is_dir():
        raise InputError(
            f"{directory} is not a checkpoint directory",
            hint=f"a checkpoint holds {WEIGHTS_FILE} and {SPEC_FILE}",
        )
    if not (directory / WEIGHTS_FILE).is_file():
        pickles = sorted(path.name for path in directory.iterdir() if path.suffix in PICKLES)
        if pickles:
            raise InputError(
                f"{directory} holds a pickle, {pickles[0]}, and no {WEIGHTS_FILE}",
                hint=f"name the network and give the file: zoo:NAME --weights {directory / pickles[0]}",
            )
    for name in (WEIGHTS_FILE, SPEC_FILE):
        if not (directory / name).is_file():
            raise InputError(f"{directory} is not a checkpoint: it holds no {name}")
