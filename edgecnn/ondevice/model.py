"""A package's model: it takes a photo and returns classes, boxes or other results of its task."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from edgecnn.ondevice.bundle import Bundle
from edgecnn.ondevice.documents import PlainDocument
from edgecnn.ondevice.failure import DamagedPackage, DeviceError
from edgecnn.ondevice.input_tensor import Feed, FeedError
from edgecnn.ondevice.preprocess import (
    MAX_PIXELS,
    ImageError,
    decode_image,
    geometry,
    open_image,
    upright_size,
)
from edgecnn.ondevice.runner import open_runner
from edgecnn.ondevice.tasks.base import RawOutputs, Scene

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgecnn.ondevice.boxes import Detection
    from edgecnn.ondevice.classify import Classification
    from edgecnn.ondevice.runner import Execution
    from edgecnn.ondevice.tensor import Array

    Prediction = dict[str, list[dict[str, object]]]
    Picture = str | Path | bytes | Image.Image | npt.NDArray[np.uint8]


@dataclass(frozen=True)
class ModelFacts(PlainDocument):
    """The identity of a package's model, and of the runtime that executes it.

    Attributes:
        name: Name of the package.
        version: Its version.
        task: Name of the task.
        runtime: Name of the runtime.
        runtime_version: Its version.
        input: Height, width and channels of the model's input.
        classes: Number of classes.
    """

    name: str
    version: str
    task: str
    runtime: str
    runtime_version: str
    input: tuple[int, int, int]
    classes: int


class Model:
    """A package's opened model, which must not be used by two threads at the same time.

    Args:
        folder: Folder of the package.
        runtime: One of the package's runtimes; by default the first that is installed.
        threads: Threads of one inference.
        execution: ``shipping``, or ``reference`` for the runtime's plainest kernels.

    Raises:
        DamagedPackage: A file is missing or does not fit the others.
        RuntimeUnavailable: No runtime of the package works on this device.
    """

    def __init__(
        self,
        folder: Path,
        *,
        runtime: str | None = None,
        threads: int = 1,
        execution: Execution = "shipping",
    ) -> None:
        self.bundle = Bundle.open(folder)
        runtimes = self.bundle.manifest.runtimes if runtime is None else (runtime,)
        self.runner = open_runner(self.bundle.model, runtimes, execution=execution, threads=threads)
        if len(self.runner.inputs) != 1:
            raise DamagedPackage(f"the model has {len(self.runner.inputs)} inputs, not one image")
        try:
            self._feed = Feed(self.runner.inputs[0], self.bundle.manifest.contract)
        except FeedError as error:
            raise DamagedPackage(f"the contract does not fit the model: {error}") from error
        self.bundle.answers.check(self.runner.outputs, self.bundle.labels)

    @property
    def labels(self) -> tuple[str, ...]:
        """Return the names of the classes."""
        return self.bundle.labels

    def classify(self, image: Picture, k: int = 5) -> list[Classification]:
        """Return the ``k`` most probable classes of an image, best first.

        Args:
            image: Path or bytes of an image file, a Pillow image, or pixels uint8 ``[H, W, 3]`` (RGB),
                ``[H, W, 4]`` (RGBA, laid on white) or ``[H, W]`` (gray).
            k: Number of classes.

        Raises:
            ImageError: The image cannot be used; the message gives the reason.
            DeviceError: The model has another task.
        """
        self._need("classification")
        return self.answers(image, most=k)

    def detect(self, image: Picture) -> list[Detection]:
        """Return the objects in an image, the best score first; boxes are in the image's pixels.

        Args:
            image: As for :meth:`classify`; an EXIF orientation is applied first.

        Raises:
            ImageError: The image cannot be used; the message gives the reason.
            DeviceError: The model has another task.
        """
        self._need("detection")
        return self.answers(image)

    def answers(self, image: Picture, *, most: int = 5, max_pixels: int = MAX_PIXELS) -> list[Any]:
        """Return the results of the model's task for an image, the best first.

        Args:
            image: As for :meth:`classify`.
            most: Number of results, if the task has that many.
            max_pixels: Largest image that is decoded.

        Raises:
            ImageError: The image cannot be used.
        """
        opened = _open(image, max_pixels)
        outputs = self.outputs(self.infer(self.prepare(opened)))
        return self.bundle.answers.found(outputs, self.scene(upright_size(opened), most))

    def predict(self, image: Picture, *, k: int = 5, max_pixels: int = MAX_PIXELS) -> Prediction:
        """Return the results for an image as plain data, such as ``classes`` or ``detections``.

        Args:
            image: As for :meth:`classify`.
            k: Number of classes.
            max_pixels: Largest image that is decoded.

        Raises:
            ImageError: The image cannot be used.
        """
        found = self.answers(image, most=k, max_pixels=max_pixels)
        return {self.bundle.answers.key: [item.to_json() for item in found]}

    def lines(self, result: Prediction) -> list[str]:
        """Return the result of :meth:`predict` as lines of text."""
        answers = self.bundle.answers
        return [answers.line(item) for item in result[answers.key]]

    def prepare(self, image: Picture) -> Array:
        """Return the input tensor of an image, in the model's own type and layout, batch 1.

        Raises:
            ImageError: The image cannot be used.
        """
        return self._feed.fill(geometry(_open(image, MAX_PIXELS), self.bundle.manifest.contract)[None])

    def infer(self, tensor: Array) -> list[Array]:
        """Run the model on an input tensor; the outputs are in the model's own types."""
        return self.runner.run(tensor)

    def outputs(self, values: list[Array]) -> RawOutputs:
        """Return raw outputs with their descriptions."""
        return RawOutputs(values, self.runner.outputs)

    def scene(self, size: tuple[int, int], most: int = 5) -> Scene:
        """Return the context of an answer for an image of ``size`` (height, width)."""
        return Scene(self.bundle.labels, self.bundle.manifest.contract, size, most)

    def _need(self, task: str) -> None:
        if self.bundle.manifest.task != task:
            raise DeviceError(f"this model does {self.bundle.manifest.task}, not {task}")

    def describe(self) -> ModelFacts:
        """Return the identity of the model and of what executes it."""
        manifest = self.bundle.manifest
        contract = manifest.contract
        return ModelFacts(
            name=manifest.name,
            version=manifest.version,
            task=manifest.task,
            runtime=self.runner.name,
            runtime_version=self.runner.version,
            input=(contract.height, contract.width, contract.channels),
            classes=len(self.bundle.labels),
        )


def _open(image: Picture, max_pixels: int) -> Image.Image:
    if isinstance(image, bytes):
        return decode_image(image, max_pixels=max_pixels)
    if isinstance(image, (str, Path)):
        return open_image(Path(image))
    if isinstance(image, np.ndarray):
        if image.dtype != np.uint8 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (3, 4))):
            raise ImageError(f"pixels of {image.dtype} {list(image.shape)} are not uint8 [H, W, 3] or [H, W]")
        if not image.size:
            raise ImageError("the image has no pixels")
        return Image.fromarray(image)
    return image
