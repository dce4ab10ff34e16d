"""Inputs of the campaign against parsers: every reader of files from outside, with a real file for each."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from edgecnn.backends.targets import load_target
from edgecnn.core.config.budget_file import load_budgets
from edgecnn.core.csv_rows import csv_rows
from edgecnn.core.documents.manifest import Manifest
from edgecnn.core.documents.metric import BUDGETS
from edgecnn.core.documents.run import RunSummary
from edgecnn.core.json_file import read_json
from edgecnn.core.store.baseline import read_baseline
from edgecnn.core.store.digest import digest_file
from edgecnn.core.store.runs import target_errors
from edgecnn.core.store.sums import NAME, check_sums, write_sums
from edgecnn.data.prepared import PreparedSet
from edgecnn.data.source import open_source
from edgecnn.models.spec import ModelSpec
from edgecnn.models.spec_file import read_spec
from edgecnn.ondevice.bundle import Bundle
from edgecnn.ondevice.contract import Contract
from edgecnn.ondevice.self_test import Golden
from edgecnn.packaging.payload import Order, payload, seal
from edgecnn.packaging.provenance import Licences
from edgecnn.pipeline.loading import load_pipeline
from edgecnn.quantization.files import LAYERS_FILE, RANGES_FILE, read_float_layers
from edgecnn.quantization.given_ranges import GivenRanges
from edgecnn.quantization.ranges import Observations, Range
from tests.campaigns.model_parsers import arrays, flat, images, onnx, openvino, weights
from tests.campaigns.parser import Parser
from tests.support import boxes_data

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

GOLDEN = Path(__file__).parents[1] / "core" / "documents" / "golden"
CORPUS = Path(__file__).parent / "corpus"
"""Inputs that once did harm, named ``PARSER-WHAT``."""


def _yaml(folder: Path) -> Iterator[tuple[str, Parser]]:
    pipeline = folder / "pipeline.yaml"
    for name in ("quickstart", "pruned", "detector"):
        seed = (Path(__file__).parents[2] / "pipelines" / f"{name}.yaml").read_bytes()
        yield f"{name} pipeline", Parser(seed, pipeline, lambda: load_pipeline(str(pipeline)))
    target = folder / "target.yaml"
    seed = (Path(__file__).parents[2] / "targets" / "ethos-u55-128.yaml").read_bytes()
    yield "target", Parser(seed, target, lambda: load_target(str(target)))
    budgets = folder / "budgets.yaml"
    seed = (
        b'budgets:\n  "*": {accuracy_drop: 1 %, baseline_latency_ratio: 1.02}\n  tflite-int8: {size: 9 kB}\n'
    )
    yield "budgets", Parser(seed, budgets, lambda: load_budgets(budgets, ["tflite-int8"], BUDGETS))
    baseline = folder / "baseline.yaml"
    yield (
        "baseline",
        Parser((GOLDEN / "baseline.yaml").read_bytes(), baseline, lambda: read_baseline(baseline)),
    )


def _documents(folder: Path) -> Iterator[tuple[str, Parser]]:
    manifest, summary = folder / "manifest.json", folder / "run" / "summary.json"
    seed = (GOLDEN / "manifest-detector-int8.json").read_bytes()
    yield "manifest", Parser(seed, manifest, lambda: Manifest.from_json(read_json(manifest), "manifest.json"))
    seed = (GOLDEN / "summary-run.json").read_bytes()
    yield "summary", Parser(seed, summary, lambda: target_errors(summary.parent))
    summary.parent.mkdir()
    report = folder / "summary.json"
    yield "report", Parser(seed, report, lambda: RunSummary.from_json(read_json(report), "summary.json"))
    from torch import nn

    from edgecnn.models.checkpoint import save_checkpoint

    checkpoint = folder / "checkpoint"
    described = ModelSpec(
        builder="zoo:mobilenetv2", contract=Contract(height=32, width=32), classes=("a", "b")
    )
    save_checkpoint(checkpoint, nn.Linear(2, 2), described.with_arguments({"width": 0.35}))
    spec = checkpoint / "spec.json"
    yield "spec", Parser(spec.read_bytes(), spec, lambda: read_spec(checkpoint))


def _package(folder: Path) -> Iterator[tuple[str, Parser]]:
    from tests.support.tiny_run import write_artifact

    artifact = write_artifact(folder / "artifact", "tflite-int8")
    order = Order("tiny", "1.0.0", artifact, Licences.of(artifact, None, None), 10**9, "dev.edgecnn.tiny")
    files = payload(order, folder / "log")
    package = folder / "package"
    for name, data in {**files, "manifest.json": seal(order, "raspberry-pi", files)}.items():
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_bytes(data)
    manifest, golden = package / "manifest.json", package / "golden" / "golden.json"
    yield "golden", Parser(golden.read_bytes(), golden, lambda: Golden.of(package))
    yield "package", Parser(manifest.read_bytes(), manifest, lambda: Bundle.open(package).check_files())


def _datasets(folder: Path) -> Iterator[tuple[str, Parser]]:
    def read(path: Path) -> object:
        source = open_source(str(path), cache_dir=folder)
        for index in range(min(len(source), 50)):
            source.name(index)
        if source.objects is not None:
            return [(item.problem(item.size), item.clipped()) for item in source.objects]
        return source.labels.sum()

    coco = boxes_data.write_coco(folder / "coco", 2)
    yield "coco", Parser(coco.read_bytes(), coco, lambda: read(coco))
    voc = boxes_data.write_voc(folder / "voc", 1)
    file = voc / "annotations" / "0.xml"
    yield "voc", Parser(file.read_bytes(), file, lambda: read(voc))
    yolo = boxes_data.write_yolo(folder / "yolo", 1)
    label = yolo / "labels" / "0.txt"
    yield "yolo", Parser(label.read_bytes(), label, lambda: read(yolo))
    named = boxes_data.write_yolo(folder / "named", 1)
    classes = named / "classes.txt"
    yield "classes", Parser(classes.read_bytes(), classes, lambda: read(named))
    table = folder / "csv" / "list.csv"
    table.parent.mkdir()
    for name in "ab":
        Image.new("RGB", (8, 8)).save(table.parent / f"{name}.png")
    yield "csv", Parser(b"path,label\na.png,0\nb.png,1\n", table, lambda: read(table))


def _stored(folder: Path) -> Iterator[tuple[str, Parser]]:
    """Yield the readers of what edgecnn itself keeps: prepared sets, ranges, lists of digests, plans."""
    prepared = folder / "prepared"
    prepared.mkdir()
    contract = Contract(height=4, width=4)
    PreparedSet.write(
        prepared,
        np.zeros((2, 4, 4, 3), np.uint8),
        np.zeros(2, np.int64),
        classes=("a",),
        names=("0", "1"),
        contract=contract,
    )
    document = prepared / "prepared.json"
    yield "prepared", Parser(document.read_bytes(), document, lambda: PreparedSet.open(prepared), 2)
    ranges = folder / "ranges"
    ranges.mkdir()
    seen = Observations.gather([{"relu": (0.0, 2.0), "conv": (-1.0, 1.0)}])
    GivenRanges({"relu": Range(0.0, 2.0), "conv": Range(-1.0, 1.0)}, seen).save(ranges)
    file = ranges / RANGES_FILE
    yield "ranges", Parser(file.read_bytes(), file, lambda: GivenRanges.load(ranges), 2)
    layers = ranges / LAYERS_FILE
    yield (
        "layers",
        Parser(b'{"float_layers": ["conv", "relu"]}', layers, lambda: read_float_layers(ranges), 1),
    )
    sums = folder / "summed" / NAME
    sums.parent.mkdir()
    (sums.parent / "a.txt").write_text("a")
    write_sums(sums.parent, {"a.txt": digest_file(sums.parent / "a.txt")})
    yield "sums", Parser(sums.read_bytes(), sums, lambda: check_sums(sums.parent), 2)
    report = folder / "vela.csv"
    seed = b"Target,Original Operator,MAC Count,Op Cycles\nNPU,Conv2D,100,5.5\n"
    yield "table", Parser(seed, report, lambda: list(csv_rows(report, 1000)), 1)


@dataclass(frozen=True)
class Group:
    """Parsers that need the same libraries.

    Attributes:
        parsers: Writes their files below a folder and yields each parser with its name.
        share: Relative number of attempts.
    """

    parsers: Callable[[Path], Iterator[tuple[str, Parser]]]
    share: int


GROUPS = {
    "yaml": Group(_yaml, 24),
    "documents": Group(_documents, 16),
    "packages": Group(_package, 8),
    "datasets": Group(_datasets, 20),
    "stored": Group(_stored, 8),
    "onnx": Group(onnx, 4),
    "tflite": Group(flat, 2),
    "openvino": Group(openvino, 1),
    "weights": Group(weights, 3),
    "arrays": Group(arrays, 5),
    "images": Group(images, 7),
}
