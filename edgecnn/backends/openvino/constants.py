"""The weights stored in an OpenVINO IR."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgecnn.backends.format import StoredWeight
from edgecnn.backends.openvino.ir import read_model

if TYPE_CHECKING:
    from pathlib import Path


def stored_weights(file: Path) -> list[StoredWeight]:
    """Return every constant of an IR, in order of execution.

    Raises:
        InputError: The file is not an IR, or its weights are missing.
    """
    constants = [node for node in read_model(file).get_ordered_ops() if node.get_type_name() == "Constant"]
    return [
        StoredWeight(
            node.get_friendly_name(),
            node.get_output_element_type(0).get_type_name(),
            tuple(node.get_output_shape(0)),
            node.get_byte_size(),
        )
        for node in constants
    ]
