"""Calibration images as quantizers take them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgecnn.backends.calibration import Calibration
from edgecnn.backends.format import QuantizeRequest
from edgecnn.core.documents.quantization import CalibrationNotes
from edgecnn.core.errors import InputError
from edgecnn.data.prepared import PreparedSet
from edgecnn.ondevice.normalize import normalize
from edgecnn.ondevice.tensor import TensorInfo
from tests.backends.conftest import CONTRACT, IMAGES
from tests.support.mobilenetv2 import SIZE


def test_images_are_normalized_by_the_contract_in_the_models_layout(
    request_int8: QuantizeRequest, pictures: np.ndarray
) -> None:
    want = normalize(pictures[3:4], CONTRACT)
    rows = Calibration.open(request_int8, "NHWC", TensorInfo("input", (1, SIZE, SIZE, 3), "float32"))
    planes = Calibration.open(request_int8, "NCHW", TensorInfo("input", (1, 3, SIZE, SIZE), "float32"))
    assert np.array_equal(rows[3], want)
    assert np.array_equal(planes[3], want.transpose(0, 3, 1, 2))
    assert planes[3].flags.c_contiguous
    assert len(list(planes)) == len(planes) == IMAGES


def test_notes_hold_count_and_digest(request_int8: QuantizeRequest, calibration: Path) -> None:
    images = Calibration.open(request_int8, "NHWC", TensorInfo("input", (1, SIZE, SIZE, 3), "float32"))
    digest = PreparedSet.open(calibration).digest
    assert images.notes() == CalibrationNotes(images=IMAGES, digest=digest)


def test_images_of_another_size_are_refused(request_int8: QuantizeRequest) -> None:
    with pytest.raises(
        InputError, match=r"images of shape \[1, 32, 32, 3\] do not fit .* \[1, 64, 64, 3\] \(NHWC\)"
    ):
        Calibration.open(request_int8, "NHWC", TensorInfo("input", (1, 64, 64, 3), "float32"))


def test_a_folder_that_is_no_prepared_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a prepared set"):
        Calibration.open(
            QuantizeRequest("int8", tmp_path, "any"), "NHWC", TensorInfo("input", (1, 8, 8, 3), "float32")
        )
