"""The Java code on the JVM against Python: the same tensors, the same classes, the same boxes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgecnn.ondevice.classify import top_k
from edgecnn.ondevice.contract import Contract
from edgecnn.ondevice.decode import decode
from edgecnn.ondevice.detector import Detector, Level, ScoreCoding
from edgecnn.ondevice.input_tensor import Feed
from edgecnn.ondevice.preprocess import geometry, open_image, upright
from edgecnn.ondevice.tensor import TensorInfo
from edgecnn.packaging.android import description as described
from edgecnn.packaging.android.java import PACKAGE, compile_to, java_sources
from edgecnn.tasks.detection.java import detector_properties
from tests.conftest import picture

pytestmark = pytest.mark.skipif(
    shutil.which("javac") is None, reason="no javac: apt-get install openjdk-17-jdk-headless"
)

CONTRACTS = {
    "crop": Contract(height=224, width=224),
    "bicubic": Contract(height=96, width=128, interpolation="bicubic", crop_fraction=0.9, color="bgr"),
    "letterbox": Contract(height=320, width=320, resize="letterbox", color="bgr"),
    "gray": Contract(height=28, width=28, resize="squash", color="gray", mean=(72.9,), std=(90.0,)),
}
FLOAT = {"bicubic"}
PHOTOS = 120


@pytest.fixture(scope="module")
def classes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's Java code, compiled together with the harness."""
    root = tmp_path_factory.mktemp("java")
    harness = Path(__file__).parent / "java" / "Parity.java"
    sources = java_sources(PACKAGE, "tiny") | {"dev/edgecnn/ondevice/Parity.java": harness.read_bytes()}
    return compile_to(root, sources, root / "log")


def run(classes: Path, task: str, folder: Path) -> None:
    command = [
        "java",
        "-Xmx512m",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        str(classes),
        "dev.edgecnn.ondevice.Parity",
    ]
    finished = subprocess.run([*command, task, str(folder)], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr


def tensor_of(contract: Contract, *, quantized: bool = True) -> TensorInfo:
    shape = (1, contract.height, contract.width, contract.channels)
    return TensorInfo("x", shape, "int8", 0.0186, -14) if quantized else TensorInfo("x", shape, "float32")


def write_package(folder: Path, contract: Contract, tensor: TensorInfo, **lines: object) -> None:
    """Write what the Java code reads."""
    values = described.contract_properties(contract, tensor) | lines
    (folder / described.PROPERTIES).write_bytes(described.properties_file(values))
    (folder / described.TABLE).write_bytes(described.table(contract, tensor))


def compare(classes: Path, folder: Path, name: str, photos: Sequence[Image.Image]) -> None:
    contract = CONTRACTS[name]
    tensor = tensor_of(contract, quantized=name not in FLOAT)
    write_package(folder, contract, tensor)
    cases = []
    for index, photo in enumerate(photos):
        (folder / f"{index}.rgb").write_bytes(photo.tobytes())
        cases.append(f"{index}.rgb {photo.height} {photo.width}\n")
    (folder / "cases.txt").write_text("".join(cases))
    run(classes, "prepare", folder)
    feed = Feed(tensor, contract)
    for index, photo in enumerate(photos):
        wanted = feed.fill(geometry(photo, contract)[None])
        found = np.frombuffer((folder / f"{index}.rgb.out").read_bytes(), wanted.dtype)
        np.testing.assert_array_equal(found, wanted.reshape(-1), f"photo {index} of {photo.size}")


@pytest.mark.parametrize("name", CONTRACTS)
def test_drawn_pictures_give_the_same_tensor(classes: Path, tmp_path: Path, name: str) -> None:
    sizes = [(1, 1), (3, 200), (200, 3), (28, 28), (96, 128), (224, 224), (320, 320), (333, 500), (500, 375)]
    photos = [Image.fromarray(picture(index % 3, index, *size)) for index, size in enumerate(sizes)]
    compare(classes, tmp_path, name, photos)


def test_transparent_pixels_are_laid_on_white_alike(classes: Path, tmp_path: Path) -> None:
    """All values with all shares of transparency."""
    value, alpha = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    rgba = np.stack([value, 255 - value, value // 2, alpha], -1)
    (tmp_path / "0.argb").write_bytes(rgba[..., [2, 1, 0, 3]].tobytes())
    (tmp_path / "cases.txt").write_text("0.argb 256 256\n")
    write_package(tmp_path, CONTRACTS["crop"], tensor_of(CONTRACTS["crop"]))
    run(classes, "white", tmp_path)
    found = np.frombuffer((tmp_path / "0.argb.out").read_bytes(), np.uint8).reshape(256, 256, 3)
    same = Contract(height=256, width=256, resize="squash")
    np.testing.assert_array_equal(found, geometry(Image.fromarray(rgba), same))


@pytest.mark.parametrize(
    "name",
    ["crop", "gray", *(pytest.param(name, marks=pytest.mark.slow) for name in ("bicubic", "letterbox"))],
)
def test_real_photos_give_the_same_tensor(
    classes: Path, tmp_path: Path, imagenet: Path, coco_photos: list[Path], name: str
) -> None:
    paths = sorted(imagenet.rglob("*.JPEG"))[: PHOTOS // 2] or sorted(imagenet.rglob("*.jpg"))[: PHOTOS // 2]
    photos = [upright(open_image(path)).convert("RGB") for path in [*paths, *coco_photos[: PHOTOS // 2]]]
    assert len(photos) >= 100
    assert len({photo.size for photo in photos}) > 20, "photos of many sizes"
    compare(classes, tmp_path, name, photos)


@pytest.fixture(scope="session")
def coco_photos(shared_data: Path) -> list[Path]:
    """Photos of COCO, of other sizes than ImageNet's."""
    return sorted((shared_data / "coco").rglob("*.jpg"))


def test_the_same_classes(classes: Path, tmp_path: Path) -> None:
    write_package(tmp_path, CONTRACTS["gray"], tensor_of(CONTRACTS["gray"]))
    random = np.random.default_rng(0)
    logits = [np.round(random.normal(0, 4, 50), 1).astype(np.float32) for _ in range(20)]
    for index, values in enumerate(logits):
        (tmp_path / f"{index}.bin").write_bytes(values.astype("<f4").tobytes())
    (tmp_path / "cases.txt").write_text("".join(f"{index}.bin 1 1\n" for index in range(len(logits))))
    run(classes, "classify", tmp_path)
    for index, values in enumerate(logits):
        wanted = top_k(values, [str(number) for number in range(50)], 5)
        found = [line.split() for line in (tmp_path / f"{index}.bin.out").read_text().splitlines()]
        assert [int(item[0]) for item in found] == [item.index for item in wanted]
        np.testing.assert_allclose([float(item[1]) for item in found], [item.probability for item in wanted])


CLASSES, INPUT = 3, 64
STRIDES = (8, 16, 32)
ANCHORS = ((12.0, 10.0), (30.0, 22.0))


def detector(boxes: str, scores: ScoreCoding, *, objectness: bool) -> Detector:
    levels, index = [], 0
    for stride in STRIDES:
        levels.append(
            Level(
                stride=stride,
                boxes=index,
                scores=index + 1,
                objectness=index + 2 if objectness else None,
                anchors=ANCHORS if boxes == "ssd" or boxes.startswith("anchors") else (),
                scale=2.0 if boxes.startswith("anchors") else 1.0,
            )
        )
        index += 3 if objectness else 2
    return Detector(
        tuple(levels),
        boxes=boxes,  # type: ignore[arg-type]
        scores=scores,
        bins=8 if boxes == "dfl" else 1,
        score_threshold=0.4,
        iou_threshold=0.5,
        candidates=60,
        max_detections=20,
        offset=0.25 if boxes == "ltrb-signed" else None,
        variances=(1.0, 0.5) if scores == "sigmoid-root" else (0.1, 0.2),
    )


def raw_outputs(found: Detector, random: np.random.Generator) -> list[np.ndarray]:
    """Return random outputs ``[1, C, H, W]`` that make boxes of all sizes."""
    outputs: dict[int, np.ndarray] = {}
    for level in found.levels:
        cells = INPUT // int(level.stride)
        kinds = max(1, len(level.anchors))
        channels = {level.boxes: 4 * found.bins, level.scores: CLASSES + (found.scores == "softmax")}
        if level.objectness is not None:
            channels[level.objectness] = 1
        for index, count in channels.items():
            outputs[index] = random.normal(0.3, 1.2, (1, kinds * count, cells, cells)).astype(np.float32)
    return [outputs[index] for index in sorted(outputs)]


@pytest.mark.parametrize(
    ("boxes", "scores", "objectness"),
    [
        ("ltrb", "sigmoid", False),
        ("ltrb-signed", "sigmoid", False),
        ("ltrb-exp", "sigmoid", False),
        ("dfl", "sigmoid", False),
        ("yolox", "sigmoid", True),
        ("anchors-v3", "sigmoid", True),
        ("anchors-v5", "sigmoid", True),
        ("ssd", "softmax", False),
        ("ssd", "sigmoid-root", True),
    ],
)
@pytest.mark.parametrize("channels_last", [True, False])
def test_the_same_boxes(
    classes: Path, tmp_path: Path, boxes: str, scores: ScoreCoding, objectness: bool, channels_last: bool
) -> None:
    contract = Contract(height=INPUT, width=INPUT, resize="letterbox")
    found = detector(boxes, scores, objectness=objectness)
    lines = detector_properties(found) | {"outputs": found.outputs}
    random = np.random.default_rng(5)
    sizes = [(480, 640), (100, 40), (64, 64), (333, 77)]
    batches = [raw_outputs(found, random) for _ in sizes]
    cases = []
    for number, (outputs, (height, width)) in enumerate(zip(batches, sizes, strict=True)):
        stored = [values[0].transpose(1, 2, 0) if channels_last else values[0] for values in outputs]
        for index, values in enumerate(stored):
            lines |= described.map_properties(index, values.shape, channels_last=channels_last)
        flat = np.concatenate([values.reshape(-1) for values in stored])
        (tmp_path / f"{number}.bin").write_bytes(flat.astype("<f4").tobytes())
        cases.append(f"{number}.bin {height} {width}\n")
    write_package(tmp_path, contract, tensor_of(contract), **lines)
    (tmp_path / "cases.txt").write_text("".join(cases))
    run(classes, "detect", tmp_path)
    for number, (outputs, size) in enumerate(zip(batches, sizes, strict=True)):
        (wanted,) = decode(found, outputs, contract, [size])
        text = (tmp_path / f"{number}.bin.out").read_text()
        got = np.array([[float(part) for part in line.split()] for line in text.splitlines()])
        assert 1 < len(wanted) <= found.max_detections
        assert got[:, 0].tolist() == wanted.classes.tolist()
        np.testing.assert_allclose(got[:, 1], wanted.scores, rtol=1e-6)
        np.testing.assert_allclose(got[:, 2:], wanted.boxes, rtol=1e-5, atol=1e-4)
