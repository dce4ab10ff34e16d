"""The self-test of a package: what it computed when it was built, it computes on this device.

Golden vectors are a few pictures with the input tensor's digest and the outputs that the reference kernels
gave. Three things are compared, in the order in which they can go wrong:

1. preprocessing: the input tensor, to the last bit;
2. the runtime's reference kernels, where they are integer arithmetic: to the last bit;
3. the kernels that ship, which may round differently: within the stated tolerance, and with the same best
   class unless the reference itself has others within that tolerance. Boxes follow from outputs within it.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgecnn.ondevice.bundle import plain_path, read_json
from edgecnn.ondevice.failure import DamagedPackage
from edgecnn.ondevice.model import Model

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.ondevice.bundle import Bundle
    from edgecnn.ondevice.tensor import Array

FOLDER = "golden"
FILE = "golden.json"
LITTLE_ENDIAN = {"int8": "i1", "uint8": "u1", "float32": "<f4"}


@dataclass(frozen=True)
class Golden:
    """The golden vectors of a package.

    Attributes:
        pictures: Image files below the package's folder.
        input_sha256: Digest of each picture's input tensor, little-endian bytes.
        outputs: Raw outputs of the reference kernels, one array ``[N, ...]`` an output.
        tolerance: Most that an element of an output may differ in shipping kernels: in steps of an integer
            output, else absolute.
        exact: Runtimes whose reference kernels must give the same bits.
    """

    pictures: tuple[str, ...]
    input_sha256: tuple[str, ...]
    outputs: tuple[Array, ...]
    tolerance: tuple[float, ...]
    exact: tuple[str, ...]

    @classmethod
    def of(cls, bundle: Bundle) -> Golden:
        """Read the golden vectors.

        Raises:
            DamagedPackage: They are missing or no such vectors.
        """
        data = read_json(bundle.folder / FOLDER / FILE)
        try:
            count = len(data["pictures"])
            golden = cls(
                pictures=tuple(plain_path(str(item["file"])) for item in data["pictures"]),
                input_sha256=tuple(str(item["input_sha256"]) for item in data["pictures"]),
                outputs=tuple(_outputs(bundle, item, count) for item in data["outputs"]),
                tolerance=tuple(float(item["tolerance"]) for item in data["outputs"]),
                exact=tuple(str(name) for name in data["exact"]),
            )
        except (KeyError, TypeError, ValueError, OSError) as error:
            raise DamagedPackage(f"{FOLDER}/{FILE} holds no golden vectors: {error}") from error
        if not golden.pictures or not golden.outputs:
            raise DamagedPackage(f"{FOLDER}/{FILE} holds no golden vectors")
        return golden


@dataclass(frozen=True)
class SelfTest:
    """What a self-test found.

    Attributes:
        pictures: How many golden pictures there are.
        runtime: What executed the model, with its version.
        preprocessing_equal: Input tensors that were equal to the last bit.
        reference_equal: Pictures with bit-identical outputs of the reference kernels; None where those of
            this runtime are not integer arithmetic.
        largest_difference: Largest difference of shipping kernels, in units of each output's tolerance:
            up to 1 is within it.
        bit_identical: Pictures with bit-identical outputs of the shipping kernels.
        same_best: Pictures with the same best class, or with boxes of the same classes.
        problems: What is wrong, one line each; empty if all is well.
    """

    pictures: int
    runtime: str
    preprocessing_equal: int
    reference_equal: int | None
    largest_difference: float
    bit_identical: int
    same_best: int
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether the device computes what the package was built with."""
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        """Return the result as plain data."""
        return {"passed": self.passed, **asdict(self)}


def self_test(folder: Path, *, runtime: str | None = None, threads: int = 1) -> SelfTest:
    """Compare this device with the golden vectors of a package.

    Raises:
        DamagedPackage: A file is missing or was changed; the message names it.
        RuntimeUnavailable: No runtime of the package works on this device.
    """
    model = Model(folder, runtime=runtime, threads=threads)
    model.bundle.check_files()
    golden = Golden.of(model.bundle)
    problems: list[str] = []
    tensors = [model.prepare(folder / name) for name in golden.pictures]
    equal = [
        hashlib.sha256(_little_endian(tensor)).hexdigest() == digest
        for tensor, digest in zip(tensors, golden.input_sha256, strict=True)
    ]
    for name, good in zip(golden.pictures, equal, strict=True):
        if not good:
            problems.append(f"preprocessing of {name} gives another input tensor")
    reference = _reference(model, golden, tensors, problems) if model.runner.name in golden.exact else None
    shipping = [[np.array(output) for output in model.infer(tensor)] for tensor in tensors]
    return SelfTest(
        pictures=len(tensors),
        runtime=f"{model.runner.name} {model.runner.version}",
        preprocessing_equal=sum(equal),
        reference_equal=reference,
        largest_difference=_largest(golden, shipping, problems),
        bit_identical=_identical(golden, shipping),
        same_best=_same_answer(model, golden, shipping, problems),
        problems=tuple(problems),
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
            if not share <= 1.0:  # NaN is no agreement either
                problems.append(f"{golden.pictures[index]}: off by {off:g}, more than {tolerance:g}")
    return largest


def _same_answer(model: Model, golden: Golden, outputs: list[list[Array]], problems: list[str]) -> int:
    """Count the pictures with the same answer, as the model's task compares answers."""
    same = 0
    contract = model.bundle.contract
    scene = model.scene((contract.height, contract.width))
    for index, found in enumerate(outputs):
        want = model.outputs([values[index : index + 1] for values in golden.outputs])
        equal, problem = model.bundle.answers.compare(want, model.outputs(found), scene, golden.tolerance)
        same += equal
        if problem:
            problems.append(f"{golden.pictures[index]}: {problem}")
    return same


def _outputs(bundle: Bundle, item: dict[str, Any], count: int) -> Array:
    """Read one output of all pictures: plain little-endian values, so that any language reads them."""
    dtype = np.dtype(LITTLE_ENDIAN[item["dtype"]])
    shape = [int(size) for size in item["shape"]]
    values = np.frombuffer((bundle.folder / plain_path(str(item["file"]))).read_bytes(), dtype)
    return values.reshape(count, *shape)


def _little_endian(tensor: Array) -> bytes:
    return tensor.astype(LITTLE_ENDIAN[tensor.dtype.name]).tobytes()
