"""Diagnoses that are written by hand: healthy layers with some fields changed."""

from __future__ import annotations

import math
from typing import Any, TypeVar

from edgecnn.core.documents.diagnosis import (
    ChannelFacts,
    Diagnosis,
    LayerDiagnosis,
    RangeFacts,
    WeightFacts,
    WholeDiagnosis,
)
from edgecnn.core.documents.document import Document

RANGE = RangeFacts(low=-1.0, high=1.0, levels=256, seen_low=-1.0, seen_high=1.0, clipped=0.0, unused=0.0)
CHANNELS = ChannelFacts(dead=(), widest=0, widest_ratio=2.0)
WEIGHTS = WeightFacts(sqnr_db=40.0, changed=(), gain=1.0, outlier=0, outlier_ratio=2.0)
D = TypeVar("D", bound=Document)


def replace(document: D, **changes: Any) -> D:
    """Return a document with some fields changed."""
    return document.model_copy(update=changes)


def layer(name: str, **changes: Any) -> LayerDiagnosis:
    """Return the diagnosis of a healthy layer with some fields changed."""
    healthy = LayerDiagnosis(
        name=name,
        module=f"features.{name}",
        operation="Conv+Clip",
        position=0,
        accumulated_sqnr_db=30.0,
        alone_sqnr_db=40.0,
        shipping_sqnr_db=40.0,
        kernel_gap_steps=1.0,
        effect_sqnr_db=45.0,
        effect_share=0.05,
        agreement=1.0,
        top1_drop=0.0,
        range=RANGE,
        channels=CHANNELS,
        weights=WEIGHTS,
    )
    return replace(healthy, **changes)


def diagnosis(*layers: LayerDiagnosis, sqnr_db: float = 12.0) -> Diagnosis:
    """Return the diagnosis of a file of these layers."""
    whole = WholeDiagnosis(
        sqnr_db=sqnr_db,
        reference_sqnr_db=math.nan,
        agreement=0.9,
        top1=None,
        float_top1=None,
        tied=0.0,
        clipped=0.1,
    )
    return Diagnosis(
        model="int8.onnx",
        float_model="float.onnx",
        format="onnx",
        target="onnx-int8",
        images=30,
        whole=whole,
        layers=layers,
        kernels="onnxruntime",
    )
