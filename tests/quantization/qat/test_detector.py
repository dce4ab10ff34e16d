"""Training for int8 of a network with several outputs and boxes as targets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from edgecnn.core.config.qat import DistillSettings, QatSettings
from edgecnn.core.config.training import AugmentSettings, BoxAugmentSettings, TrainSettings
from edgecnn.core.errors import UsageError
from edgecnn.data.prepare import prepare
from edgecnn.data.source import open_source
from edgecnn.models.resolve import resolve_model
from edgecnn.pipeline.stages.train import make_task
from edgecnn.quantization.qat.training import Data, Trained, train_network
from tests.support import boxes_data
from tests.support.tasks import detector_of

if TYPE_CHECKING:
    from pathlib import Path

BASE = TrainSettings(
    epochs=1,
    batch_size=8,
    augment=AugmentSettings(flip=True, boxes=BoxAugmentSettings(mosaic=0.5, multi_scale=0.4)),
)


@pytest.mark.slow
def test_a_detector_trains_for_int8(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module, spec = resolve_model(
        "zoo:yolo-nano",
        arguments={"width": 0.25},
        classes=boxes_data.CLASSES,
        contract_overrides={"height": 64, "width": 64},
    )
    source = open_source(str(boxes_data.write_coco(tmp_path / "data", 16)), cache_dir=tmp_path)
    images = prepare(source, spec.contract, tmp_path / "prepared")
    data = Data(images, images, task=lambda settings: make_task(spec, images, images, settings))

    def train(settings: QatSettings) -> Trained:
        return train_network(
            module,
            data,
            settings,
            BASE,
            quantized=True,
            scratch=tmp_path / "scratch",
            progress=lambda _: None,
        )

    trained = train(QatSettings(epochs=1, lr=1e-4))
    assert trained.network.fake_quantizes()
    assert np.isfinite(trained.result.history[-1].loss)
    assert trained.result.metric == "ap50"
    with torch.inference_mode():
        outputs = trained.network(torch.zeros(1, 3, 64, 64))
    assert len(outputs) == detector_of(spec).outputs
    with pytest.raises(UsageError, match=r"qat.distill is for classifiers"):
        train(QatSettings(epochs=1, distill=DistillSettings(weight=0.5)))
