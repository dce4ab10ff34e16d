"""Inputs of the campaign against parsers: real files of every kind, and ways of changing them."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image
from torch import nn

from edgecnn.backends.onnx.inspect import inspect as inspect_onnx
from edgecnn.backends.targets import load_target
from edgecnn.backends.tflite.inspect import inspect as inspect_tflite
from edgecnn.core.config.budget_file import load_budgets
from edgecnn.core.documents.manifest import Manifest
from edgecnn.core.documents.metric import BUDGETS
from edgecnn.core.documents.run import RunSummary
from edgecnn.core.json_file import read_json
from edgecnn.core.store.baseline import read_baseline
from edgecnn.core.store.runs import target_errors
from edgecnn.data.source import open_source
from edgecnn.models.checkpoint import save_checkpoint
from edgecnn.models.imported.importer import import_onnx
from edgecnn.models.spec import ModelSpec
from edgecnn.models.spec_file import read_spec
from edgecnn.models.weights import read_safetensors
from edgecnn.ondevice.bundle import Bundle
from edgecnn.ondevice.contract import Contract
from edgecnn.ondevice.self_test import Golden
from edgecnn.packaging.payload import Order, payload, seal
from edgecnn.packaging.provenance import Licences
from edgecnn.pipeline.loading import load_pipeline
from tests.support import boxes_data, tiny_models
from tests.support.tiny_run import write_artifact

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

GOLDEN = Path(__file__).parents[1] / "core" / "documents" / "golden"
CORPUS = Path(__file__).parent / "corpus"
"""Inputs that once did harm, named ``PARSER-WHAT``."""

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, -0.0, 2**31, 2**63 - 1, 2**64, 10**400, 1.5, float("nan"), float("inf")),
    *(-1e308, "", "x", "\0", "\ud800", "../../etc/passwd", "/etc/passwd", "a" * 10_000, [], {}, [[]], [None]),
    *({"": None}, {"a": {"a": {}}}, "0", "-1", "1e999", "٣", "1 %", "3 kB", [2**40] * 4),
)
_WORDS = rb"""[ { } " < & - nan 1e999 : !! *a & , true 0x _ . ../ ' # | > % @ ? ~ null yes"""
TOKENS = (
    *_WORDS.split(b" "),
    *(
        b"\0",
        b"\xff",
        b"9" * 20,
        b"9" * 5000,
        b"\n",
        b"\r",
        b"[" * 500,
        b"<a>" * 50,
        b"- ",
        b"? ",
        b"0 ",
        b" 1",
    ),
    *(b"\xed\xa0\x80", b"\xef\xbb\xbf", "\u202e".encode(), "\u2028".encode()),
)


@dataclass(frozen=True)
class Parser:
    """A reader of files from outside.

    Attributes:
        seed: Content that it accepts.
        file: The file that it reads.
        read: Reads the file and looks at every part of what it says.
        share: Relative number of attempts.
    """

    seed: bytes
    file: Path
    read: Callable[[], object]
    share: int = 4


def parsers(folder: Path) -> dict[str, Parser]:
    """Return every parser by its name; their files are written below ``folder``."""
    return {
        **dict(_yaml(folder)),
        **dict(_documents(folder)),
        **dict(_package(folder)),
        **dict(_datasets(folder)),
        **dict(_models(folder)),
    }


def _yaml(folder: Path) -> Iterator[tuple[str, Parser]]:
    pipeline = folder / "pipeline.yaml"
    for name in ("quickstart", "pruned"):
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
    checkpoint = folder / "checkpoint"
    described = ModelSpec(
        builder="zoo:mobilenetv2", contract=Contract(height=32, width=32), classes=("a", "b")
    )
    save_checkpoint(checkpoint, nn.Linear(2, 2), described.with_arguments({"width": 0.35}))
    spec = checkpoint / "spec.json"
    yield "spec", Parser(spec.read_bytes(), spec, lambda: read_spec(checkpoint))
    weights = folder / "w.safetensors"
    seed = (checkpoint / "model.safetensors").read_bytes()
    yield "weights", Parser(seed, weights, lambda: read_safetensors(weights), 2)


def _package(folder: Path) -> Iterator[tuple[str, Parser]]:
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


def _models(folder: Path) -> Iterator[tuple[str, Parser]]:
    model = tiny_models.write_onnx(folder / "model.onnx")
    yield "onnx", Parser(model.read_bytes(), model, lambda: inspect_onnx(model), 1)
    imported = folder / "imported.onnx"
    yield "imported onnx", Parser(model.read_bytes(), imported, lambda: import_onnx(imported), 1)
    flat = tiny_models.write_tflite(folder / "model.tflite", quantized=True)
    yield "tflite", Parser(flat.read_bytes(), flat, lambda: inspect_tflite(flat), 1)


def changed(parser: Parser, choose: random.Random) -> bytes:
    """Return the content of a parser's file with some changes."""
    if parser.file.suffix == ".json" and choose.random() < 0.7:
        return _other_values(json.loads(parser.seed), choose)
    return _other_bytes(parser.seed, choose)


def _places(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = data.items() if isinstance(data, dict) else enumerate(data[:6]) if isinstance(data, list) else ()
    for key, item in items:
        yield (*path, key)
        yield from _places(item, (*path, key))


def _other_values(data: Any, choose: random.Random) -> bytes:
    for _ in range(choose.choice([1, 1, 1, 2, 3])):
        places = list(_places(data))
        if not places:
            break
        *path, last = choose.choice(places)
        inner = data
        for key in path:
            inner = inner[key]
        change = choose.random()
        if change < 0.7:
            inner[last] = copy.deepcopy(choose.choice(VALUES))
        elif change < 0.85:
            del inner[last]
        elif isinstance(inner, dict):
            inner[f"{last}x"] = copy.deepcopy(choose.choice(VALUES))
        else:
            inner.append(copy.deepcopy(choose.choice(VALUES)))
    return json.dumps(data).encode()


def _other_bytes(seed: bytes, choose: random.Random) -> bytes:
    data = bytearray(seed)
    for _ in range(choose.randrange(1, 8)):
        place, change = choose.randrange(len(data) + 1), choose.random()
        if change < 0.4 and place < len(data):
            data[place] = choose.randrange(256)
        elif change < 0.6:
            del data[place : place + choose.randrange(1, 30)]
        elif change < 0.8:
            start = choose.randrange(len(data) + 1)
            data[place:place] = data[start : start + choose.randrange(1, 60)]
        elif change < 0.85:
            data[place : place + 4] = choose.choice([0, 1, 2**31, 2**32 - 1, 65535]).to_bytes(4, "little")
        else:
            data[place:place] = choose.choice(TOKENS)
    return bytes(data)
