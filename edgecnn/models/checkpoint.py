"""Checkpoints: a directory with ``model.safetensors`` and ``spec.json``. Never a pickle."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from edgecnn.core.errors import not_written
from edgecnn.core.files import draft_file
from edgecnn.models.build import build
from edgecnn.models.growth import BuildLimits
from edgecnn.models.own_code import require_unchanged
from edgecnn.models.spec_file import SPEC_FILE, WEIGHTS_FILE, read_spec
from edgecnn.models.variables import require_same_variables
from edgecnn.models.weights import load_weights, read_safetensors, write_safetensors

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from edgecnn.models.spec import ModelSpec


def save_checkpoint(directory: Path, module: nn.Module, spec: ModelSpec) -> None:
    """Write a network as a checkpoint; the same network and spec give the same bytes.

    Each file is renamed into place only when it is complete, the spec last.

    Args:
        directory: Created where it is missing; an older checkpoint in it is replaced.
        module: The network; parameters and buffers are saved in float32 or whatever type they have.
        spec: Description from which the network is rebuilt.

    Raises:
        MachineFault: The directory cannot be written, or the disk is full.
    """
    document = json.dumps(spec.to_json(), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    try:
        with draft_file(directory / SPEC_FILE) as spec_draft:
            with draft_file(directory / WEIGHTS_FILE) as weights_draft:
                write_safetensors(module.state_dict(), weights_draft)
            spec_draft.write_text(document, encoding="utf-8")
    except OSError as error:
        raise not_written(directory, error) from error


def load_checkpoint(directory: Path) -> tuple[nn.Module, ModelSpec]:
    """Rebuild a network from a checkpoint, in evaluation mode, on the CPU.

    Raises:
        InputError: The directory is not a checkpoint, holds a pickle, is truncated, its weights do not fit
            its spec, or the spec names code that the user has not named or that has changed since.
        UsageError: The spec names a builder that does not exist here.
    """
    spec, path = read_spec(directory), directory / WEIGHTS_FILE
    state = read_safetensors(path)
    if spec.code is not None:
        require_same_variables(spec.code, directory)
    module = build(spec, BuildLimits.of(state, spec.builder))
    if spec.code is not None:
        require_unchanged(spec.code, directory)
    load_weights(module, state, str(path))
    return module, spec
