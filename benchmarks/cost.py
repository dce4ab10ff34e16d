"""Measure what people wait for: CPU seconds, wall seconds and memory of exports, the quickstart and `--help`.

    edgecnn fetch zoo:mobilenetv2
    python benchmarks/cost.py --photos FOLDER --json benchmarks/results/cost.json
    python benchmarks/cost.py --photos FOLDER --part vendor --rounds 1 --json benchmarks/results/cost.json
    python benchmarks/cost.py --part help --check

FOLDER holds ``calibration.csv`` and ``eval.csv``. Each part is measured once in every round, so that the
rounds of one part are spread over time; CPU and wall time are those of the cheapest round, memory is the most
that any round needed. A row that is measured again takes the place of the one in the JSON file. Exports begin
with an empty store; the formats follow each other in it, and nothing is timed (``benchmark=null``). CPU time
includes every process of the command, and memory is the sum of their proportional set sizes. The vendors'
tools make the same network int8 with the same photos and prove nothing (`vendor_tools.py`).

Claims that this script is for: the goals of each row, by which ``--check`` ends with exit code 1. A machine
that others use at the same time needs more CPU time for the same work: repeat before you believe it.
`import_costs.py` says how much of an export is imports.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export import empty_home
from output import print_table, write_json
from tree_cost import StepShare, TreeCost, measure

from edgecnn.devices.host import host
from edgecnn.models.fetch import require

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

MODEL = "zoo:mobilenetv2"
FORMATS = ("onnx", "tflite", "openvino")
RUNGS = ("plain", "equalize")
_SUFFIX = {"onnx": ".onnx", "tflite": ".tflite", "openvino": ".xml"}
_AFTER = ("", ", after it", ", after both")
_BEGINNINGS = ("edgecnn --help", "export", "vendor", "quickstart")
_SHORT = 9
"""A command of a fraction of a second is executed as often in each round."""

Found = tuple[str, TreeCost]
"""The name of a row and what one round of it cost."""


@dataclass(frozen=True)
class Goal:
    """The most that a row may cost; None where there is no goal.

    Attributes:
        cpu_s: CPU time in seconds.
        wall_s: Wall time in seconds.
        memory: Memory in bytes.
    """

    cpu_s: float | None = None
    wall_s: float | None = None
    memory: float | None = None


GOALS: dict[str, Goal] = {
    "edgecnn --help": Goal(cpu_s=0.10),
    "export onnx-int8, plain": Goal(cpu_s=20, memory=1.0e9),
    "export tflite-int8, plain, after it": Goal(cpu_s=25, memory=1.3e9),
    "export openvino-int8, plain, after both": Goal(cpu_s=15, memory=1.0e9),
    "export of all three, plain": Goal(cpu_s=60),
    "export onnx-int8, plain, unchanged": Goal(cpu_s=1.5),
    "export onnx-int8, equalize": Goal(cpu_s=30, memory=1.0e9),
    "export tflite-int8, equalize, after it": Goal(memory=1.3e9),
    "export openvino-int8, equalize, after both": Goal(memory=1.0e9),
    "quickstart": Goal(wall_s=300),
    "quickstart, unchanged": Goal(cpu_s=1.5),
}


@dataclass(frozen=True)
class Row:
    """What a command cost.

    Attributes:
        name: The command in words.
        cpu_s: CPU time of the cheapest round, in seconds.
        wall_s: Wall time of the quickest round, in seconds.
        peak_bytes: The most memory of any round; 0 if the command is too short to tell.
        rounds: Number of times that it was executed.
        load: Load of the machine when the last round was over.
        steps: Shares of its steps in the cheapest round.
        goal: The most that it may cost.
    """

    name: str
    cpu_s: float
    wall_s: float
    peak_bytes: int
    rounds: int
    load: float
    steps: tuple[StepShare, ...]
    goal: Goal

    @property
    def missed(self) -> str:
        """Return the goals that it misses in words; empty if there is none."""
        pairs = {
            "CPU s": (self.cpu_s, self.goal.cpu_s),
            "wall s": (self.wall_s, self.goal.wall_s),
            "memory": (self.peak_bytes, self.goal.memory),
        }
        return ", ".join(name for name, (found, most) in pairs.items() if most is not None and found > most)


def main() -> None:
    """Measure the parts, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, help="folder with calibration.csv and eval.csv")
    parser.add_argument("--part", action="append", choices=tuple(PARTS), help="a part; all by default")
    parser.add_argument("--rung", action="append", help=f"a rung of exports; {', '.join(RUNGS)} by default")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the rows to this file, or into it")
    parser.add_argument("--check", action="store_true", help="exit code 1 if a row misses its goal")
    arguments = parser.parse_args()
    parts = arguments.part or list(PARTS)
    if arguments.photos is None and {"exports", "vendor"} & set(parts):
        parser.error("exports and vendors' tools need --photos")
    costs: dict[str, list[TreeCost]] = {}
    rows: dict[str, Row] = {}
    for _ in range(arguments.rounds):
        for part in parts:
            for name, cost in PARTS[part](arguments):
                costs.setdefault(name, []).append(cost)
                rows[name] = _row(name, costs[name])
    rows |= _sums(rows)
    print_table([_printed(row) for row in rows.values()])
    for row in rows.values():
        if len(row.steps) > 1:
            print_table([_printed_share(share) for share in row.steps], row.name)
    _write(rows, arguments.json)
    if arguments.check and any(row.missed for row in rows.values()):
        sys.exit(1)


def help_costs(_arguments: argparse.Namespace) -> Iterator[Found]:
    """Ask for the help."""
    with tempfile.TemporaryDirectory(prefix="edgecnn-cost-") as folder:
        for _ in range(_SHORT):
            yield "edgecnn --help", _edgecnn(Path(folder), Path(folder), "--help")


def export_costs(arguments: argparse.Namespace) -> Iterator[Found]:
    """Export for each format into one store, and the first again; each rung has a store of its own."""
    for rung in arguments.rung or RUNGS:
        with tempfile.TemporaryDirectory(prefix="edgecnn-cost-") as name:
            folder = Path(name)
            home = empty_home(folder)
            for form, after in zip(FORMATS, _AFTER, strict=True):
                words = _export_words(form, rung, arguments.photos.resolve())
                yield f"export {form}-int8, {rung}{after}", _edgecnn(folder, home, *words)
            words = _export_words(FORMATS[0], rung, arguments.photos.resolve())
            for _ in range(_SHORT):
                yield f"export {FORMATS[0]}-int8, {rung}, unchanged", _edgecnn(folder, home, *words)


def _export_words(form: str, rung: str, photos: Path) -> tuple[str, ...]:
    target = f"{form}-int8"
    return (
        *("export", MODEL, "--target", target, "--out", target),
        *("--calibration", str(photos / "calibration.csv"), "--data", str(photos / "eval.csv")),
        *("--set", f"targets.{target}.quantize.method={rung}", "--set", "benchmark=null"),
    )


def vendor_costs(arguments: argparse.Namespace) -> Iterator[Found]:
    """Make the same int8 files with the vendors' own tools."""
    weights, script = require(MODEL), Path(__file__).with_name("vendor_tools.py")
    photos = (arguments.photos / "calibration.csv").resolve()
    for form in FORMATS:
        with tempfile.TemporaryDirectory(prefix="edgecnn-cost-") as folder:
            out = Path(folder) / f"model{_SUFFIX[form]}"
            command = [sys.executable, str(script), form, str(weights), str(photos), str(out)]
            yield f"vendor's tools, {form}", measure(command, env=os.environ, cwd=Path(folder))


def quickstart_costs(_arguments: argparse.Namespace) -> Iterator[Found]:
    """Run the quickstart into an empty store, and again."""
    with tempfile.TemporaryDirectory(prefix="edgecnn-cost-") as name:
        folder = Path(name)
        home = empty_home(folder)
        yield "quickstart", _edgecnn(folder, home, "run", "quickstart", "--out", "run")
        for _ in range(_SHORT):
            yield "quickstart, unchanged", _edgecnn(folder, home, "run", "quickstart", "--out", "run")


PARTS: Mapping[str, Callable[[argparse.Namespace], Iterator[Found]]] = {
    "help": help_costs,
    "exports": export_costs,
    "vendor": vendor_costs,
    "quickstart": quickstart_costs,
}


def _edgecnn(folder: Path, home: Path, *words: str) -> TreeCost:
    """Run a verb as a user would, in a folder and with a home."""
    command = [sys.executable, "-m", "edgecnn", *words]
    return measure(command, env={**os.environ, "EDGECNN_HOME": str(home)}, cwd=folder)


def _row(name: str, costs: Sequence[TreeCost]) -> Row:
    """Return what all rounds of a command came to."""
    cheapest = min(costs, key=lambda cost: cost.cpu_s)
    return Row(
        name=name,
        cpu_s=round(cheapest.cpu_s, 2),
        wall_s=round(min(cost.wall_s for cost in costs), 2),
        peak_bytes=max(cost.peak_bytes for cost in costs),
        rounds=len(costs),
        load=round(os.getloadavg()[0], 2),
        steps=tuple(
            replace(share, cpu_s=round(share.cpu_s, 2), wall_s=round(share.wall_s, 2))
            for share in cheapest.steps
        ),
        goal=GOALS.get(name, Goal()),
    )


def _sums(rows: Mapping[str, Row]) -> dict[str, Row]:
    """Return a row for the three exports of each rung together."""
    found = {}
    for rung in dict.fromkeys(name.split(", ")[1] for name in rows if name.startswith("export ")):
        parts = [
            rows[f"export {form}-int8, {rung}{after}"] for form, after in zip(FORMATS, _AFTER, strict=True)
        ]
        name = f"export of all three, {rung}"
        found[name] = Row(
            name=name,
            cpu_s=round(sum(row.cpu_s for row in parts), 2),
            wall_s=round(sum(row.wall_s for row in parts), 2),
            peak_bytes=max(row.peak_bytes for row in parts),
            rounds=min(row.rounds for row in parts),
            load=max(row.load for row in parts),
            steps=(),
            goal=GOALS.get(name, Goal()),
        )
    return found


def _printed(row: Row) -> dict[str, Any]:
    return {
        "command": row.name,
        "CPU s": row.cpu_s,
        "goal": row.goal.cpu_s,
        "wall s": row.wall_s,
        "at most": row.goal.wall_s,
        "MB": round(row.peak_bytes / 1e6) or None,
        "of MB": None if row.goal.memory is None else round(row.goal.memory / 1e6),
        "rounds": row.rounds,
        "misses": row.missed,
    }


def _printed_share(share: StepShare) -> dict[str, Any]:
    megabytes = round(share.peak_bytes / 1e6) or None
    return {"step": share.step, "CPU s": share.cpu_s, "wall s": share.wall_s, "MB": megabytes}


def _write(rows: Mapping[str, Row], file: Path | None) -> None:
    """Write rows into a file, in place of those of the same name; the order is that of a whole run."""
    if file is None:
        return
    kept = json.loads(file.read_text(encoding="utf-8"))["rows"] if file.exists() else []
    found = {row["name"]: row for row in kept} | {name: asdict(row) for name, row in rows.items()}
    write_json({"host": host().to_json(), "rows": sorted(found.values(), key=_place)}, file)


def _place(row: dict[str, Any]) -> tuple[int, str, int]:
    """Return where a row stands in the file: parts, rungs and formats in the order of a whole run."""
    name = row["name"]
    part = next(number for number, word in enumerate(_BEGINNINGS) if name.startswith(word))
    rung = name.split(", ")[1] if part == _BEGINNINGS.index("export") else ""
    rungs = (*RUNGS, rung)
    form = next((number for number, word in enumerate(FORMATS) if word in name), len(FORMATS))
    return part, f"{rungs.index(rung)} {rung}", form + len(FORMATS) * name.endswith("unchanged")


if __name__ == "__main__":
    main()
