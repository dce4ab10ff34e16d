"""Pipelines: the network, its data, its training, its targets and their budgets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, JsonValue, field_validator, model_validator

from edgecnn.core.config.base import Schema
from edgecnn.core.config.budgets import EVERY_TARGET, Budgets, unknown_budget
from edgecnn.core.config.pruning import PruneSettings
from edgecnn.core.config.qat import QatSettings
from edgecnn.core.config.search import SearchSettings
from edgecnn.core.config.training import TrainSettings
from edgecnn.core.config.yaml_events import YamlTree
from edgecnn.core.errors import together

if TYPE_CHECKING:
    from collections.abc import Collection

    from edgecnn.core.config.target import Target
    from edgecnn.core.config.yaml_events import Location
    from edgecnn.core.config.yaml_source import YamlSource


MOST_NAME_CHARACTERS = 100
"""Longest name of a pipeline, which becomes a part of file names."""


class ModelConfig(Schema):
    """The network."""

    name: str
    """``zoo:NAME``, ``timm:NAME``, ``torchvision:NAME``, ``python:package.module:factory``, a
    checkpoint's directory or an ``.onnx`` file."""

    arguments: dict[str, JsonValue] = Field(default_factory=dict)
    """Keyword arguments of the builder, such as ``width``; of an ONNX file ``outputs``, where it
    is cut, and ``family``, that of a detector, such as ``yolov8``."""

    pretrained: bool = False
    """Start from the published weights, which ``edgecnn fetch`` downloads."""

    weights: str | None = None
    """A ``.safetensors`` or ``.pth`` file of weights."""

    network: str | None = None
    """``python:package.module:factory``, the code that builds the network of a checkpoint, where it is your
    own; a checkpoint alone cannot have code run."""


class PreprocessingConfig(Schema):
    """Changes to the network's own preprocessing contract."""

    height: int | None = Field(default=None, ge=1, le=8192)
    """Height of the network's input in pixels."""

    width: int | None = Field(default=None, ge=1, le=8192)
    """Width of the network's input in pixels."""

    resize: Literal["crop", "squash", "letterbox"] | None = None
    """Fit of a photo to the input's shape: cropped at its centre, stretched, or fitted inside a border."""

    crop_fraction: float | None = Field(default=None, gt=0, le=1)
    """Share of the photo's shorter side that the crop keeps, within 0..1."""

    interpolation: Literal["bilinear", "bicubic"] | None = None
    """Interpolation of pixels when a photo is resized."""

    color: Literal["rgb", "bgr", "gray"] | None = None
    """Order of the colour channels of the network's input."""

    mean: tuple[Annotated[float, Field(allow_inf_nan=False)], ...] | None = None
    """Value that is subtracted from each channel, in units of 0..255."""

    std: tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...] | None = None
    """Value that each channel is divided by, in units of 0..255."""

    pad_value: int | None = Field(default=None, ge=0, le=255)
    """Brightness of a letterbox's border, 0..255."""

    def changes(self) -> dict[str, JsonValue]:
        """Return the fields that are given."""
        return self.model_dump(mode="json", exclude_none=True)


class CalibrationConfig(Schema):
    """The real images from which quantization ranges are estimated."""

    source: str | None = None
    """A dataset; by default the training set."""

    count: int = Field(default=128, ge=1, le=100_000)
    """Number of images, evenly over the classes."""

    seed: int = 0
    """Seed of the choice of images if there are more than `count`."""


class DataConfig(Schema):
    """Datasets: ``fashion-mnist:train``, a CSV of ``path,label``, or a folder with one sub-folder per class.

    With boxes: a COCO file, or a folder of images with VOC or YOLO annotations beside them.
    Paths are relative to the working directory. ``@train`` and ``@held-out`` after a path select 80 % of the
    images and the rest.
    """

    root: str | None = None
    """One dataset that replaces ``train`` and ``eval``; a fixed 20 % of it is held out for evaluation."""

    train: str | None = None
    """The training images."""

    eval: str | None = None
    """The labelled images for measuring accuracy."""

    calibration: CalibrationConfig = CalibrationConfig()
    """The images from which int8 ranges are estimated."""

    bad_images: Literal["error", "skip"] = "error"
    """Whether a corrupt image ends the run, or is left out and named in the report."""

    fetch: bool = False
    """Whether a missing public dataset may be downloaded."""

    limit: int | None = Field(default=None, ge=1)
    """Largest number of images of each set, evenly spread; for quick trials."""

    @model_validator(mode="before")
    @classmethod
    def _split_root(cls, values: Any) -> Any:
        root = values.get("root") if isinstance(values, dict) else None
        if not isinstance(root, str):
            return values
        parts = {"train": f"{root}@train", "eval": f"{root}@held-out"}
        if any(values.get(name) not in (None, part) for name, part in parts.items()):
            raise ValueError("root replaces train and eval: give one or the other")
        return {**values, **parts}


class VerificationConfig(Schema):
    """The number of images for the slow reference executions."""

    images: int = Field(default=32, ge=1, le=10_000)
    """Number of images on which links 1 to 3 compare outputs."""


class BenchmarkConfig(Schema):
    """The latency comparison of each target with its format's float32 file."""

    seconds: float = Field(default=20.0, gt=0, le=3600)
    """Time after which no further worker processes are started, even if the interval is still wide."""

    processes: int = Field(default=2, ge=1, le=100)
    """Smallest number of pairs of new worker processes."""


class PipelineSpec(Schema):
    """A pipeline file."""

    name: str
    """Name of the pipeline and of its results."""

    description: str = ""
    """Purpose of the pipeline, in one sentence."""

    extends: str | None = None
    """Another pipeline, whose keys apply where this one has none."""

    model: ModelConfig
    """The network."""

    preprocessing: PreprocessingConfig = PreprocessingConfig()
    """Changes to the network's own preprocessing."""

    data: DataConfig = DataConfig()
    """The images for training, calibration and evaluation."""

    train: TrainSettings | None = None
    """Training of the network; without it, the weights are used as they are."""

    prune: PruneSettings | None = None
    """Pruning and further training; without it, the network keeps all its channels."""

    qat: QatSettings | None = None
    """Training for int8, used if no cheaper method keeps a target within its budget."""

    targets: dict[str, YamlTree | None]
    """Names of targets, each with the keys that this pipeline changes in it."""

    budgets: dict[str, Budgets] = Field(default_factory=dict)
    """Limits by target name; ``*`` stands for every target."""

    search: SearchSettings | None = None
    """Settings of ``edgecnn search``; a run ignores them."""

    verification: VerificationConfig = VerificationConfig()
    """Extent of the verification chain's comparisons."""

    benchmark: BenchmarkConfig | None = BenchmarkConfig()
    """Latency measurement; ``null`` disables it."""

    @field_validator("targets")
    @classmethod
    def _some_targets(cls, value: dict[str, YamlTree | None]) -> dict[str, YamlTree | None]:
        if not value:
            raise ValueError("at least one target is needed; `edgecnn targets` lists them")
        return value

    @field_validator("name")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", value) or len(value) > MOST_NAME_CHARACTERS:
            raise ValueError(
                f"{value[:MOST_NAME_CHARACTERS]!r} is not a plain name: "
                f"use at most {MOST_NAME_CHARACTERS} letters, digits, '-', '_' and '.', "
                "and a letter or a digit first"
            )
        return value


@dataclass(frozen=True)
class Pipeline:
    """A pipeline with its targets resolved.

    Attributes:
        spec: Content of the file.
        targets: Every target with the pipeline's changes and budgets applied, by name.
        source: Positions of the file's keys, for messages.
    """

    spec: PipelineSpec
    targets: dict[str, Target]
    source: YamlSource

    def refuse_unknown_budgets(self, metrics: Collection[str]) -> None:
        """Refuse budgets on anything but these metrics.

        Raises:
            UsageError: There is such a budget; the message has file and line, the hint the nearest name.
        """
        errors = []
        for target, resolved in self.targets.items():
            for name in resolved.budgets.unknown(metrics):
                place = self.place_of_budget(target, name)
                errors.append(unknown_budget(self.source.locate(place), ".".join(map(str, place)), metrics))
        if errors:
            raise together(errors)

    def place_of_budget(self, target: str, name: str) -> Location:
        """Return where the pipeline gives a target's budget, or the target if its own file does."""
        places = [("budgets", key, name) for key in (target, EVERY_TARGET)]
        return next((place for place in places if place in self.source.where), ("targets", target, name))
