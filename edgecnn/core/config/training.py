"""Training of a network: the ``train`` section of a pipeline."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from edgecnn.core.config.base import Schema

ModulePrefix = Annotated[str, Field(min_length=1)]
"""Start of a qualified module name, such as ``features.0`` or ``classifier``."""


class OptimizerSettings(Schema):
    """The optimizer; weight decay never applies to biases and normalization layers."""

    name: Literal["adamw", "sgd"] = "adamw"
    """AdamW (Loshchilov and Hutter, 2019), or SGD with Nesterov momentum."""

    lr: float = Field(default=3e-3, gt=0, le=100)
    """Learning rate at the end of the warm-up."""

    weight_decay: float = Field(default=0.02, ge=0, le=10)
    """Decoupled decay of AdamW, or L2 penalty of SGD."""

    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Momentum of SGD, or first beta of AdamW."""


class RandAugmentSettings(Schema):
    """RandAugment (Cubuk et al., 2020), drawn for each image."""

    operations: int = Field(default=2, ge=1, le=16)
    """Number of operations applied in sequence."""

    magnitude: int = Field(default=9, ge=0, le=30)
    """Strength of each operation, out of 30."""


class BoxAugmentSettings(Schema):
    """Random changes of images with boxes."""

    mosaic: float = Field(default=0.0, ge=0, le=1)
    """Share of the images that are joined with three others (Bochkovskiy et al., 2020)."""

    mosaic_scale: tuple[float, float] = (0.4, 1.0)
    """Least and largest size of a photo in a mosaic, as a share of the input."""

    scale: tuple[float, float] = (1.0, 1.0)
    """Least and largest factor on the size of a photo outside a mosaic."""

    translate: float = Field(default=0.0, ge=0, le=0.5)
    """Largest shift, as a share of the input."""

    rotate: float = Field(default=0.0, ge=0, le=45)
    """Largest rotation, in degrees."""

    hsv: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Largest change of hue, saturation and value, each within 0..1."""

    mixup: float = Field(default=0.0, ge=0, le=1)
    """Share of the images that are blended with a second one."""

    multi_scale: float = Field(default=0.0, ge=0, le=0.5)
    """Largest change of a batch's input size, as a share, in steps of 32 pixels."""

    plain_epochs: int = Field(default=0, ge=0)
    """Number of last epochs without mosaic and mixup, which use whole photos as the device does."""

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        for name in ("mosaic_scale", "scale"):
            low, high = getattr(self, name)
            if not 0.05 <= low <= high <= 4.0:
                raise ValueError(f"{name} [{low}, {high}] is not a range within 0.05 .. 4")
        if not all(0.0 <= gain <= 1.0 for gain in self.hsv):
            raise ValueError(f"hsv {list(self.hsv)} is not within 0 .. 1")
        return self


class AugmentSettings(Schema):
    """Random changes of the training images; all are off by default."""

    pad_crop: int = Field(default=0, ge=0, le=512)
    """Pixels of black border from which a crop of the input's size is taken at random."""

    resized_crop: float | None = Field(default=None, gt=0, lt=1)
    """Smallest share of the image's area that a random resized crop keeps (Inception crop)."""

    flip: bool = False
    """Mirror each image left to right with probability one half."""

    randaugment: RandAugmentSettings | None = None
    """RandAugment (Cubuk et al., 2020): random colour and geometry operations; off by default."""

    mixup: float = Field(default=0.0, ge=0, le=10)
    """Alpha of mixup (Zhang et al., 2018); 0 disables it. With CutMix, each batch uses one of both."""

    cutmix: float = Field(default=0.0, ge=0, le=10)
    """Alpha of CutMix (Yun et al., 2019); 0 disables it."""

    boxes: BoxAugmentSettings = BoxAugmentSettings()
    """Changes of a detector's images; of the other settings only ``flip`` applies to them."""

    def of_one_size(self) -> AugmentSettings:
        """Return a copy without inputs of several sizes, because a captured graph takes only one."""
        return self.model_copy(update={"boxes": self.boxes.model_copy(update={"multi_scale": 0.0})})

    def shortened(self, share: float) -> AugmentSettings:
        """Return a copy for a share of the epochs, with numbers of epochs reduced to that share."""
        plain = round(self.boxes.plain_epochs * share)
        return self.model_copy(update={"boxes": self.boxes.model_copy(update={"plain_epochs": plain})})

    @model_validator(mode="after")
    def _one_crop(self) -> Self:
        if self.pad_crop and self.resized_crop is not None:
            raise ValueError("pad_crop and resized_crop exclude each other")
        return self


class TransferSettings(Schema):
    """Layers that keep their pretrained weights, and for how long."""

    frozen: tuple[ModulePrefix, ...] = ()
    """Modules, by prefix of their qualified name, whose parameters do not train."""

    unfreeze: dict[Annotated[int, Field(ge=1)], tuple[ModulePrefix, ...]] = Field(default_factory=dict)
    """Prefixes of modules by the epoch, from 0, at which they begin to train: progressive unfreezing."""

    freeze_batch_norm: bool = False
    """Keep the running statistics and parameters of every batch normalization layer."""


class TrainSettings(Schema):
    """One training: schedule, optimizer, augmentation, averaging."""

    epochs: int = Field(ge=1, le=100_000)
    """Number of times that every training image is seen."""

    batch_size: int = Field(default=128, ge=1, le=65_536)
    """Images in a step, summed over all processes."""

    seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of all randomness: order, augmentation, dropout."""

    optimizer: OptimizerSettings = OptimizerSettings()
    """The optimizer, its learning rate and weight decay."""

    warmup_epochs: float = Field(default=0.5, ge=0)
    """Length of the linear warm-up of the learning rate; a cosine follows it."""

    final_lr: float = Field(default=0.0, ge=0, le=1)
    """Learning rate after the last step, as a share of ``optimizer.lr``."""

    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    """Share of the target probability that is spread evenly over all classes; 0 disables it."""

    clip_norm: float | None = Field(default=None, gt=0)
    """Largest L2 norm of the gradient; a longer gradient is scaled down to it."""

    batch_norm_momentum: float | None = Field(default=None, gt=0, le=1)
    """Share of a new batch in the running statistics; by default the network's own."""

    ema: float | None = Field(default=None, gt=0, lt=1)
    """Decay per step of an exponential moving average of the weights; the average is the result."""

    augment: AugmentSettings = AugmentSettings()
    """Random changes of the training images."""

    transfer: TransferSettings = TransferSettings()
    """Pretrained layers that keep their weights, and for how long."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Device to train on; ``auto`` uses a GPU if there is one."""

    mixed_precision: bool = True
    """Compute in bfloat16 on a GPU that supports it. A CPU trains in float32, which is faster there."""

    @model_validator(mode="after")
    def _schedule_fits(self) -> Self:
        if self.warmup_epochs >= self.epochs:
            raise ValueError(f"warmup_epochs {self.warmup_epochs:g} leaves nothing of {self.epochs} epochs")
        late = [epoch for epoch in self.transfer.unfreeze if epoch >= self.epochs]
        if late:
            raise ValueError(f"transfer.unfreeze names epoch {late[0]}, but there are {self.epochs}")
        return self


class FurtherTraining(Schema):
    """A training that starts from trained weights.

    Other settings (optimizer, label smoothing, device, ...) are those of ``train``.
    """

    epochs: int = Field(ge=0, le=10_000)
    """Number of times that every training image is seen."""

    lr: float = Field(gt=0, le=100)
    """Learning rate at the end of the warm-up; a tenth of the original training's is a good start."""

    warmup_epochs: float = Field(default=0.1, ge=0)
    """Length of the linear warm-up of the learning rate; a cosine follows it."""

    ema: float | None = Field(default=None, gt=0, lt=1)
    """Decay per step of an exponential moving average of the weights; the average is the result."""

    clip_norm: float | None = Field(default=None, gt=0)
    """Largest L2 norm of the gradient; a longer gradient is scaled down to it."""

    @model_validator(mode="after")
    def _schedule_fits(self) -> Self:
        if self.epochs and self.warmup_epochs >= self.epochs:
            raise ValueError(f"warmup_epochs {self.warmup_epochs:g} leaves nothing of {self.epochs} epochs")
        return self

    def training(self, train: TrainSettings | None) -> TrainSettings:
        """Return the settings of the training loop.

        Args:
            train: Settings of the network's previous training; None if it was given trained.
        """
        base = train or TrainSettings(epochs=1)
        return base.model_copy(
            update={
                "epochs": self.epochs,
                "optimizer": base.optimizer.model_copy(update={"lr": self.lr}),
                "warmup_epochs": self.warmup_epochs,
                "ema": self.ema,
                "clip_norm": self.clip_norm,
                "transfer": TransferSettings(),
            }
        )
