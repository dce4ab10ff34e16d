"""Reading of a checkpoint's ``spec.json``, without torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError
from edgecnn.core.files import is_dir, is_file
from edgecnn.core.json_file import read_json
from edgecnn.core.named_code import require_named
from edgecnn.core.store.sums import check_sums
from edgecnn.models.spec import ModelSpec

if TYPE_CHECKING:
    from pathlib import Path

WEIGHTS_FILE = "model.safetensors"
SPEC_FILE = "spec.json"
PICKLES = (".pth", ".pt", ".bin", ".pkl", ".ckpt")
_MAX_SPEC_BYTES = 16 * 1024 * 1024


def read_spec(directory: Path) -> ModelSpec:
    """Read the spec of a checkpoint without building the network.

    Raises:
        InputError: The directory is not a checkpoint, holds a pickle, its spec is damaged, or the spec names
            code that the user has not named.
    """
    _check_files(directory)
    check_sums(directory)
    path = directory / SPEC_FILE
    spec = ModelSpec.from_json(read_json(path, what="a model spec", most_bytes=_MAX_SPEC_BYTES), str(path))
    require_named(spec.builder, str(path))
    return spec


def _check_files(directory: Path) -> None:
    if not is_dir(directory):
        raise InputError(
            f"{directory} is not a checkpoint directory",
            hint=f"a checkpoint holds {WEIGHTS_FILE} and {SPEC_FILE}",
        )
    if not is_file(directory / WEIGHTS_FILE):
        pickles = sorted(path.name for path in directory.iterdir() if path.suffix in PICKLES)
        if pickles:
            raise InputError(
                f"{directory} holds a pickle, {pickles[0]}, and no {WEIGHTS_FILE}",
                hint=f"name the network and give the file: zoo:NAME --weights {directory / pickles[0]}",
            )
    for name in (WEIGHTS_FILE, SPEC_FILE):
        if not is_file(directory / name):
            raise InputError(
                f"{directory} is not a checkpoint: it holds no {name}",
                hint=f"give a folder with {WEIGHTS_FILE} and {SPEC_FILE}, or zoo:NAME",
            )
