"""The self-test of a package: this device must give the results that were computed when it was built.

Golden vectors are a few pictures with the digest of the input tensor and the outputs of the reference
kernels. Three things are compared, in the order in which they can go wrong:

1. preprocessing: the input tensor, bit for bit;
2. the runtime's reference kernels, if they use integer arithmetic: bit for bit;
3. the shipping kernels, which may round differently: within the stated tolerance, and with the same answer
   by the comparison of the task, which says what may differ within that tolerance.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from edgecnn.ondevice.bundle import plain_path, read_file
from edgecnn.ondevice.documents import PlainDocument
from edgecnn.ondevice.failure import DamagedPackage
from edgecnn.ondevice.model import Model
from edgecnn.ondevice.tasks.base import compared_by
from edgecnn.ondevice.tensor import Array, TensorInfo

if TYPE_CHECKING:
    from pathlib import Path

FOLDER = "golden"
FILE = "golden.json"
LITTLE_ENDIAN = {"int8": "i1", "uint8": "u1", "float32": "<f4"}


@dataclass(frozen=True)
class GoldenPicture(PlainDocument):
    """A picture of the golden vectors.

    Attributes:
        file: Image file below the package's folder.
        input_sha256: Digest of its input tensor, little-endian bytes.
    """

    file: str
    input_sha256: str


@dataclass(frozen=True, kw_only=True)
class GoldenOutput(PlainDocument):
    """An output of the model in the golden vectors; fields of other versions are not read.

    Attributes:
        name: Name in the model file.
        file: File below the package's folder with the raw values of the reference kernels for all pictures.
        dtype: Type of its values, one of ``LITTLE_ENDIAN``.
        shape: Shape for one picture, without the batch.
        channels_last: Whether a map is ``[H, W, C]``.
        scale: Quantization scale, or None.
        zero_point: Quantization zero point, or None.
        tolerance: Most that an element may differ in shipping kernels: in steps of an integer output, else
            absolute.
    """

    lenient: ClassVar[bool] = True

    name: str
    file: str
    dtype: str
    shape: tuple[int, ...]
    channels_last: bool = False
    scale: float | None = None
    zero_point: int | None = None
    tolerance: float

    def __post_init__(self) -> None:
        """Refuse values that nothing can be compared with."""
        if not self.tolerance > 0.0:
            raise ValueError(f"the tolerance {self.tolerance:g} of {self.name[:60]!r} is not positive")

    def fits(self, tensor: TensorInfo) -> bool:
        """Return whether the values are those of an output of the model."""
        sizes = zip(self.shape, tensor.shape[1:], strict=False)
        same = len(self.shape) == len(tensor.shape) - 1 and all(have in (size, -1) for size, have in sizes)
        return same and min(self.shape, default=1) > 0 and self.dtype == tensor.dtype

    def read(self, folder: Path, count: int) -> Array:
        """Return the values ``[count, ...]``: plain little-endian ones, so that any language reads them.

        Raises:
            ValueError: The values do not have this type and shape.
        """
        if self.dtype not in LITTLE_ENDIAN:
            raise ValueError(f"{self.name}: dtype {self.dtype!r} is not one of {', '.join(LITTLE_ENDIAN)}")
        data = read_file(folder / plain_path(self.file))
        try:
            return np.frombuffer(data, LITTLE_ENDIAN[self.dtype]).reshape(count, *self.shape)
        except ValueError as error:
            raise ValueError(f"{self.file}: {error}") from error


@dataclass(frozen=True, kw_only=True)
class GoldenFile(PlainDocument):
    """The golden vectors of a package, ``golden.json``; fields of other versions are not read.

    Attributes:
        input: The model's input; None in packages of the first versions.
        pictures: The pictures.
        outputs: The model's outputs.
        exact: Runtimes whose reference kernels must give the same bits.
    """

    lenient: ClassVar[bool] = True

    input: TensorInfo | None = None
    pictures: tuple[GoldenPicture, ...]
    outputs: tuple[GoldenOutput, ...]
    exact: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse vectors that would prove nothing."""
        if not self.pictures or not self.outputs:
            raise ValueError("it holds no golden vectors")


@dataclass(frozen=True)
class Golden:
    """The golden vectors of a package, read.

    Attributes:
        file: What ``golden.json`` holds.
        outputs: Raw outputs of the reference kernels, one array ``[N, ...]`` an output.
    """

    file: GoldenFile
    outputs: tuple[Array, ...]

    @classmethod
    def of(cls, folder: Path) -> Golden:
        """Read the golden vectors.

        Raises:
            DamagedPackage: They are missing or invalid.
        """
        name = f"{FOLDER}/{FILE}"
        try:
            file = GoldenFile.from_text(read_file(folder / name), name)
            return cls(file, tuple(output.read(folder, len(file.pictures)) for output in file.outputs))
        except ValueError as error:
            raise DamagedPackage(str(error)) from error

    @property
    def pictures(self) -> tuple[str, ...]:
        """Image files below the package's folder."""
        return tuple(plain_path(picture.file) for picture in self.file.pictures)

    @property
    def tolerance(self) -> tuple[float, ...]:
        """Most that an element of each output may differ in shipping kernels."""
        return tuple(output.tolerance for output in self.file.outputs)


@dataclass(frozen=True)
class SelfTest(PlainDocument):
    """The result of a self-test.

    Attributes:
        pictures: Number of golden pictures.
        runtime: Runtime of the model, with its version.
        preprocessing_equal: Number of bit-identical input tensors.
        reference_equal: Pictures with bit-identical outputs of the reference kernels; None if those of this
        runtime do not use integer arithmetic.
        largest_difference: Largest difference of shipping kernels, in units of each output's tolerance; up to
            1 is
        allowed.
        bit_identical: Pictures with bit-identical outputs of the shipping kernels.
        same_best: Pictures with the same answer, by the comparison of the task.
        problems: Problems, one line each; empty if there are none.
        compared: What the task compares for ``same_best``, such as ``best class``.
    """

    pictures: int
    runtime: str
    preprocessing_equal: int
    reference_equal: int | None
    largest_difference: float
    bit_identical: int
    same_best: int
    problems: tuple[str, ...]
    compared: str

    @property
    def passed(self) -> bool:
        """Return whether the device gives the results that the package was built with."""
        return not self.problems


def self_test(folder: Path, *, runtime: str | None = None, threads: int = 1) -> SelfTest:
    """Compare this device with the golden vectors of a package.

    Raises:
        DamagedPackage: A file is missing or was changed; the message names it.
        RuntimeUnavailable: No runtime of the package works on this device.
    """
    model = Model(folder, runtime=runtime, threads=threads)
    model.bundle.check_files()
    golden = Golden.of(folder)
    tensors = model.runner.outputs
    if len(golden.outputs) != len(tensors) or not all(map(GoldenOutput.fits, golden.file.outputs, tensors)):
        raise DamagedPackage(f"the outputs in {FOLDER}/{FILE} are not those of the model")
    problems: list[str] = []
    inputs = [model.prepare(folder / name) for name in golden.pictures]
    equal = [
        hashlib.sha256(_little_endian(tensor)).hexdigest() == picture.input_sha256
        for tensor, picture in zip(inputs, golden.file.pictures, strict=True)
    ]
    for name, good in zip(golden.pictures, equal, strict=True):
        if not good:
            problems.append(f"preprocessing of {name} gives another input tensor")
    exact = model.runner.name in golden.file.exact
    reference = _reference(model, golden, inputs, problems) if exact else None
    shipping = [[np.array(output) for output in model.infer(tensor)] for tensor in inputs]
    return SelfTest(
        pictures=len(inputs),
        runtime=f"{model.runner.name} {model.runner.version}",
        preprocessing_equal=sum(equal),
        reference_equal=reference,
        largest_difference=_largest(golden, shipping, problems),
        bit_identical=_identical(golden, shipping),
        same_best=_same_answer(model, golden, shipping, problems),
        problems=tuple(problems),
        compared=compared_by(model.bundle.answers),
    )


def _reference(model: Model, golden: Golden, tensors: list[Array], problems: list[str]) -> int:
    reference = Model(model.bundle.folder, runtime=model.runner.name, execution="reference")
    outputs = [[np.array(output) for output in reference.infer(tensor)] for tensor in tensors]
    equal = _identical(golden, outputs)
    if equal < len(tensors):
        problems.append(
            f"{len(tensors) - equal} of {len(tensors)} golden vectors differ in the reference kernels"
        )
    return equal


def _identical(golden: Golden, outputs: list[list[Array]]) -> int:
    return sum(
        all(np.array_equal(want[index], got[0]) for want, got in zip(golden.outputs, found, strict=True))
        for index, found in enumerate(outputs)
    )


def _largest(golden: Golden, outputs: list[list[Array]], problems: list[str]) -> float:
    """Return the largest difference in units of each output's tolerance."""
    largest = 0.0
    for index, found in enumerate(outputs):
        for want, got, tolerance in zip(golden.outputs, found, golden.tolerance, strict=True):
            off = np.abs(want[index].astype(np.float64) - got[0].astype(np.float64)).max(initial=0.0)
            share = float(off) / tolerance
            largest = max(largest, share)
            if not share <= 1.0:  # NaN is a difference too
                problems.append(f"{golden.pictures[index]}: off by {off:g}, more than {tolerance:g}")
    return largest


def _same_answer(model: Model, golden: Golden, outputs: list[list[Array]], problems: list[str]) -> int:
    """Count the pictures with the same answer, by the comparison of the model's task."""
    same = 0
    contract = model.bundle.manifest.contract
    scene = model.scene((contract.height, contract.width))
    for index, found in enumerate(outputs):
        want = model.outputs([values[index : index + 1] for values in golden.outputs])
        equal, problem = model.bundle.answers.compare(want, model.outputs(found), scene, golden.tolerance)
        same += equal
        if problem:
            problems.append(f"{golden.pictures[index]}: {problem}")
    return same


def _little_endian(tensor: Array) -> bytes:
    return tensor.astype(LITTLE_ENDIAN[tensor.dtype.name]).tobytes()
