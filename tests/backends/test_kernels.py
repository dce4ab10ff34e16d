"""Tests of every backend's int8 kernels on every instruction set."""

from __future__ import annotations

import pytest

from edgecnn.backends.kernels import ANY_ISA, kernels_of
from edgecnn.backends.registry import formats
from edgecnn.backends.worker.isa import ISAS
from edgecnn.core.errors import UsageError
from edgecnn.quantization.kernels import EVERY_ACTIVATION


@pytest.mark.parametrize("name", formats())
@pytest.mark.parametrize("isa", [ANY_ISA, *ISAS])
def test_weights_are_kept_from_saturation_exactly_where_kernels_saturate(name: str, isa: str) -> None:
    saturates = name != "tflite" and (isa == ANY_ISA or ISAS[isa].int8_saturates)
    assert (kernels_of(name, isa).weights != "symmetric") == saturates


@pytest.mark.parametrize("isa", [ANY_ISA, *ISAS])
def test_what_openvino_computes_in_float_depends_on_no_instruction_set(isa: str) -> None:
    kernels = kernels_of("openvino", isa)
    assert (kernels.fused, kernels.channel_grids) == (EVERY_ACTIVATION, True)


def test_an_unknown_instruction_set_is_refused() -> None:
    with pytest.raises(UsageError, match="no instruction set is called 'mips'"):
        kernels_of("onnx", "mips")
