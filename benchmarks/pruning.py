"""Compare pruning with its alternatives: the loss of accuracy and the gain in latency.

    python benchmarks/pruning.py --section fashion --json benchmarks/results/pruning.json
    edgecnn fetch zoo:mobilenetv2 zoo:efficientnet-lite0
    python benchmarks/pruning.py --section lite0 latency --photos DIR --json benchmarks/results/pruning.json

Every part is a pipeline whose steps are kept in the store: what was interrupted goes on where it was, and
rows of one seed replace those of the same seed in the file. Trainings run on a GPU where there is one; the
committed rows of Fashion-MNIST are of `--epochs 8 --further 8`, on a CPU.

Claims that this script is for, of MobileNetV2-0.5 at 32 px on Fashion-MNIST at half the MACs: at most 0.5
points below the unpruned network that was trained on as long, and above a smaller network of as many MACs
that was trained from scratch for all of it. Of latency at half the MACs: at most 0.60 in fp32 and 0.70 in
int8, in ONNX Runtime and OpenVINO. EfficientNet-Lite0 without 30 % of its MACs is shown as it is.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from output import print_table, write_rows

from edgecnn.backends.formats import model_file
from edgecnn.core.config.paths import store_dir
from edgecnn.core.config.yaml_source import YamlSource
from edgecnn.core.documents.training import TrainingSummary
from edgecnn.core.errors import MissingDependency
from edgecnn.core.store.store import Store
from edgecnn.devices.local import LocalDevice
from edgecnn.devices.qemu import EmulatedDevice
from edgecnn.pipeline.loading import from_source
from edgecnn.pipeline.planner.make import make_plan
from edgecnn.pipeline.planner.pruning import PRUNED_STEP
from edgecnn.pipeline.reporter import SilentReporter
from edgecnn.pipeline.runner import execute
from edgecnn.pipeline.stages.prune import REPORT
from edgecnn.pipeline.stages.pruned import RESULT
from edgecnn.proof.latency.latency_test import Effort, compare_latency
from edgecnn.proof.latency.measurement import pinned_opener

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from edgecnn.devices.session import Session
    from edgecnn.pipeline.step import AnyStep, StepResult

SECTIONS = ("fashion", "lite0", "latency")
FINETUNED, CONTROL, SCRATCH = "pruned, trained on", "unpruned, trained on", "smaller, from scratch"
TARGETS = ("onnx-fp32", "onnx-int8", "openvino-fp16", "openvino-int8", "tflite-fp32", "tflite-int8")
COUNTED = ("tflite-fp32", "tflite-int8")
DEVICE = "raspberry-pi-5"
LEARNING_RATE = 0.006
WHOLE: dict[str, Any] = {"width": 0.5}
# At half the multiply-accumulates. Rounded to multiples of 8 they jump from 0.38 to 0.56 between the widths
# 0.27 and 0.28: here two of the four stages that differ are as in the narrower one.
SMALLER: dict[str, Any] = {
    "width": 0.28,
    "stages": [  # expansion, channels, repeats, stride; of the channels 8, 8, 16, 16, 32, 40 and 88 are left
        [1, 29, 1, 1],
        [6, 29, 2, 2],
        [6, 57, 3, 2],
        [6, 57, 4, 2],
        [6, 114, 3, 1],
        [6, 143, 3, 2],
        [6, 314, 1, 1],
    ],
}
PREPROCESSING = {
    "height": 32,
    "width": 32,
    "resize": "squash",
    "color": "gray",
    "mean": [72.94],
    "std": [90.02],
}


def main() -> None:
    """Run the sections that were asked for; print tables, write the JSON after each part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--section", nargs="+", choices=SECTIONS, default=SECTIONS)
    parser.add_argument("--seed", nargs="+", type=int, default=[0, 1, 2], help="seeds of the fashion section")
    parser.add_argument("--epochs", type=int, default=40, help="of the base, until it stops improving")
    parser.add_argument("--further", type=int, default=20, help="epochs after pruning")
    parser.add_argument("--limit", type=int, help="use only so many images, to try the script out")
    parser.add_argument("--photos", type=Path, help="folder of calibration.csv and eval.csv")
    parser.add_argument("--seconds", type=float, default=30.0, help="of one latency comparison")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    arguments = parser.parse_args()
    if arguments.photos is None and set(arguments.section) != {"fashion"}:
        parser.error("sections lite0 and latency need --photos")
    for rows in parts(arguments):
        print_table(rows)
        write_rows(rows, arguments.json)
    if arguments.json is not None:
        print_table(spread(json.loads(arguments.json.read_text(encoding="utf-8"))["rows"]))


def parts(arguments: argparse.Namespace) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of every part that was asked for."""
    for section in arguments.section:
        if section == "fashion":
            for seed in arguments.seed:
                yield from fashion(seed, arguments.epochs, arguments.further, arguments.limit)
        elif section == "lite0":
            for importance in ("taylor", "l2"):
                yield lite0(importance, arguments.photos, arguments.further)
        else:
            for model, target in itertools.product(("mobilenetv2", "efficientnet-lite0"), TARGETS):
                yield latency(model, target, arguments.photos, arguments.seconds)


def fashion(seed: int, epochs: int, further: int, limit: int | None) -> Iterator[list[dict[str, Any]]]:
    """Yield rows for every way to half the multiply-accumulates, of one seed."""
    about = {"section": "fashion", "model": "mobilenetv2-0.5", "seed": seed, "epochs": [epochs, further]}
    for distilled in (False, True):
        for importance in ("taylor", "l2"):
            found = pruned(
                _fashion(seed, epochs, limit) | {"prune": _pruning(importance, distilled, further)}
            )
            share = round(found["macs"]["after"] / found["macs"]["before"], 3)
            accuracy = {name: round(100 * value, 2) for name, value in found["accuracy"].items()}
            way = f"{FINETUNED}: {importance}{', distilled' if distilled else ''}"
            reached = {"top-1": accuracy["finetuned"], "before training": accuracy["pruned"]}
            rows = [about | {"way": way, "MACs": share} | reached | {"base": accuracy["unpruned"]}]
            if "control" in accuracy:
                rows.append(about | {"way": CONTROL, "MACs": 1.0, "top-1": accuracy["control"]})
            yield rows
        if not distilled:
            scratch = _fashion(seed, epochs + further, limit)
            scratch["model"]["arguments"] = SMALLER | {"dropout": 0.0}
            accuracy_of_small = round(100 * trained(scratch), 2)
            yield [about | {"way": SCRATCH, "MACs": round(_share_of(SMALLER), 3), "top-1": accuracy_of_small}]


def _pruning(importance: str, distilled: bool, further: int) -> dict[str, Any]:
    """Return how half the multiply-accumulates are taken away, and what is trained after it.

    With the learning rate that the base began with, as in Renda, Frankle and Carbin, Comparing rewinding and
    fine-tuning in neural network pruning, ICLR 2020.
    """
    return {
        "macs": 0.5,
        "importance": importance,
        "epochs": further,
        "lr": LEARNING_RATE,
        "ema": 0.998,
        "control": importance == "taylor" and not distilled,  # the same for all, so once a seed
        "distill": {"weight": 0.5, "temperature": 4.0} if distilled else None,
    }


def _fashion(seed: int, epochs: int, limit: int | None) -> dict[str, Any]:
    """Return the pipeline that trains the base."""
    return {
        "name": "pruning-benchmark",
        "model": {"name": "zoo:mobilenetv2", "arguments": WHOLE | {"dropout": 0.0}},
        "preprocessing": PREPROCESSING,
        "data": {"train": "fashion-mnist:train", "eval": "fashion-mnist:test", "limit": limit, "fetch": True},
        "train": {
            "epochs": epochs,
            "batch_size": 128,
            "seed": seed,
            "optimizer": {"name": "adamw", "lr": LEARNING_RATE, "weight_decay": 0.05},
            "warmup_epochs": min(1.0, epochs / 4),
            "ema": 0.998,
            "augment": {"flip": True, "pad_crop": 2},
        },
        "targets": {"onnx-fp32": None},
    }


def _share_of(arguments: dict[str, Any]) -> float:
    """Return the share of MobileNetV2-0.5's multiply-accumulates that another MobileNetV2 computes."""
    import torch

    from edgecnn.models.families import mobilenetv2
    from edgecnn.pruning.costs import NetworkCosts

    macs, whole = (
        NetworkCosts.of(mobilenetv2(classes=10, in_channels=1, **item), torch.zeros(1, 1, 32, 32)).total(
            "macs"
        )
        for item in (arguments, WHOLE)
    )
    return macs / whole


def lite0(importance: str, photos: Path, further: int) -> list[dict[str, Any]]:
    """Return what EfficientNet-Lite0 without 30 % of its multiply-accumulates still says as before.

    All that it is trained on is the calibration photos, taught by the unpruned network alone.
    """
    prune = {
        "macs": 0.7,
        "importance": importance,
        "images": 100,
        "epochs": further,
        "lr": 3e-4,
        "batch_size": 20,
        "augment": {"flip": True, "resized_crop": 0.5},
        "distill": {"weight": 1.0, "temperature": 2.0, "features": 10.0},
    }
    found = pruned(_pretrained("efficientnet-lite0", photos, "onnx-fp32") | {"prune": prune})
    return [
        {
            "section": "lite0",
            "model": "efficientnet-lite0",
            "way": f"{name}: {importance}",
            "epochs": further if step == "finetuned" else 0,
            "MACs": round(found["macs"]["after"] / found["macs"]["before"], 3),
            "agreement": round(100 * found["agreement"][step], 2),
            "top-1": round(100 * found["accuracy"][step], 2),
            "base": round(100 * found["accuracy"]["unpruned"], 2),
        }
        for name, step in (("pruned", "pruned"), (FINETUNED, "finetuned"))
    ]


def _pretrained(model: str, photos: Path, target: str) -> dict[str, Any]:
    return {
        "name": "pruning-benchmark",
        "model": {"name": f"zoo:{model}", "pretrained": True},
        "data": {
            "train": str(photos / "calibration.csv"),
            "eval": str(photos / "eval.csv"),
            "calibration": {"source": str(photos / "calibration.csv"), "count": 100},
        },
        "targets": {target: None},
    }


def latency(model: str, target: str, photos: Path, seconds: float) -> list[dict[str, Any]]:
    """Return the latency at half the multiply-accumulates, with channels rounded and without."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="edgecnn-pruning-") as folder:
        whole = _file(model, target, photos, None)
        for multiple in (8, 1):
            file = _file(model, target, photos, multiple)
            ratio = compare_latency(
                *(_opener(item, Path(folder)) for item in (file, whole)), effort=Effort(seconds=seconds)
            )
            counts = [_instructions(item, target, Path(folder)) for item in (file, whole)]
            rows.append(
                {
                    "section": "latency",
                    "model": model,
                    "target": target,
                    "way": f"multiples of {multiple}",
                    "MACs": round(file.share, 3),
                    "of latency": round(ratio.ratio, 3),
                    "interval": [round(ratio.low, 3), round(ratio.high, 3)],
                    "of Arm instructions": round(counts[0] / counts[1], 3) if all(counts) else None,
                }
            )
    return rows


@dataclass(frozen=True)
class File:
    """A file of a target.

    Attributes:
        path: The file.
        runtime: What executes it.
        share: Share of the multiply-accumulates that is left.
    """

    path: Path
    runtime: str
    share: float


def _file(model: str, target: str, photos: Path, multiple: int | None) -> File:
    """Make a target's file of a network at half its multiply-accumulates, or of the whole one."""
    document = _pretrained(model, photos, target)
    del document["data"]["train"]
    if multiple is not None:
        document["prune"] = {
            "macs": 0.5,
            "importance": "l2",
            "multiple": multiple,
            "epochs": 0,
            "images": 100,
        }
    plan = make_plan(from_source(YamlSource(document, {}, "the benchmark")))
    (attempt,) = plan.attempts[target]
    done = made(plan.steps, [attempt.model_file, "prune"])
    share = 1.0
    if multiple is not None:
        macs = json.loads((done["prune"] / REPORT).read_text(encoding="utf-8"))["macs"]
        share = macs["after"] / macs["before"]
    return File(model_file(done[attempt.model_file], attempt.target.format), attempt.target.runtime, share)


def _opener(file: File, folder: Path) -> Callable[[], Session]:
    return pinned_opener(LocalDevice(), file.runtime, file.path, log=folder / "log")


def _instructions(file: File, target: str, folder: Path) -> int:
    """Return the Arm instructions of one inference; 0 where none are counted or the emulation is missing."""
    if target not in COUNTED:
        return 0
    try:
        return EmulatedDevice(DEVICE).count(file.runtime, file.path, log=folder / "log").median
    except MissingDependency:
        return 0


def pruned(document: dict[str, Any]) -> dict[str, Any]:
    """Run a pipeline up to what pruning took and cost."""
    plan = make_plan(from_source(YamlSource(document, {}, "the benchmark")))
    folder = made(plan.steps, [PRUNED_STEP])[PRUNED_STEP]
    found: dict[str, Any] = json.loads((folder / RESULT).read_text(encoding="utf-8"))
    return found


def trained(document: dict[str, Any]) -> float:
    """Run a pipeline up to its training and return the accuracy of the last epoch's weights."""
    plan = make_plan(from_source(YamlSource(document, {}, "the benchmark")))
    with tempfile.TemporaryDirectory(prefix="edgecnn-pruning-") as logs:
        results = execute(needed(plan.steps, ["train"]), Store(store_dir()), SilentReporter(), Path(logs))
    check(results)
    entry = results["train"].entry
    assert entry is not None
    return float(TrainingSummary.from_json(entry.record.notes["training"]).last_metric or 0.0)


def made(steps: Sequence[AnyStep], wanted: Sequence[str]) -> dict[str, Path]:
    """Execute the steps that some are made from and return their outputs; what is in the store is reused."""
    with tempfile.TemporaryDirectory(prefix="edgecnn-pruning-") as logs:
        results = execute(needed(steps, wanted), Store(store_dir()), SilentReporter(), Path(logs))
    check(results)
    return {name: result.entry.outputs for name, result in results.items() if result.entry is not None}


def check(results: dict[str, StepResult]) -> None:
    """Raise the first error among some results."""
    for result in results.values():
        if result.error is not None:
            raise result.error


def needed(steps: Sequence[AnyStep], wanted: Sequence[str]) -> list[AnyStep]:
    """Return the steps of a plan that some of them, by id, are made from, in its order."""
    names = set(wanted)
    for step in reversed(steps):
        if step.id in names:
            names |= {*step.inputs.values(), *step.after}
    return [step for step in steps if step.id in names]


def spread(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return mean, standard deviation, least and most of every way over its seeds."""
    ways: dict[tuple[str, str], list[float]] = {}
    for row in rows:
        if row["section"] == "fashion":
            ways.setdefault((row["model"], row["way"]), []).append(row["top-1"])
    return [
        {
            "model": model,
            "way": way,
            "seeds": len(values),
            "top-1": round(statistics.mean(values), 2),
            "deviation": round(statistics.stdev(values), 2) if len(values) > 1 else None,
            "least": min(values),
            "most": max(values),
        }
        for (model, way), values in ways.items()
    ]


if __name__ == "__main__":
    main()
