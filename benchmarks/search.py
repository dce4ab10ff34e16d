"""Time a search until it meets budgets, and check that stopping it changes nothing that it finds.

    python benchmarks/search.py --json benchmarks/results/search.json
    python benchmarks/search.py --section killed --json benchmarks/results/search.json

The second line searches again, killed at equal parts of the time that the file says the first search took.

Claims that this script is for: `accuracy_drop 0.01, latency_ratio 0.5, size 500 kB` is met for the quickstart
in under 60 minutes on two cores, from an empty store; a search that is killed several times and started again
finds the same winner.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from output import write_json
from rich.console import Console
from rich.table import Table

from edgecnn.core.config.paths import cache_dir
from edgecnn.core.documents.search import SearchResult
from edgecnn.devices.host import host
from edgecnn.ui.report.search import COLUMNS, search_rows, summary

SECTIONS = ("straight", "killed")
KILLS = 4
IDENTITY = ("width", "height", "macs", "quantization")
"""The values by which two winners are compared."""


def main() -> None:
    """Search without and with interruptions, print the table, write the JSON after each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--section", nargs="+", choices=SECTIONS, default=SECTIONS)
    parser.add_argument("--pipeline", default="quickstart", help="name or path of the pipeline")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="overrides of it")
    parser.add_argument("--kills", type=int, default=KILLS, help="how often the second search is killed")
    parser.add_argument("--json", type=Path, required=True, help="write the results to this file")
    arguments = parser.parse_args()
    command = ["search", arguments.pipeline, *arguments.set]
    with tempfile.TemporaryDirectory(prefix="edgecnn-search-") as folder:
        if "straight" in arguments.section:
            before = host().to_json()
            found, seconds = search(command, Path(folder) / "straight")
            show(found)
            document = {"host": before, "seconds": round(seconds, 1), "search": without_paths(found)}
            write_json(document, arguments.json)
        if "killed" in arguments.section:
            document = json.loads(arguments.json.read_text(encoding="utf-8"))
            found, pieces = search_killed(
                command, Path(folder) / "killed", arguments.kills, document["seconds"]
            )
            show(found)
            document["killed_after_s"] = [round(piece, 1) for piece in pieces]
            document["killed_search"] = without_paths(found)
            document["same_winner"] = winner(document["search"]) == winner(found)
            Console().print(f"the same winner: {document['same_winner']}")
            write_json(document, arguments.json)


def show(found: dict[str, Any]) -> None:
    """Print what a search tried and found."""
    result = SearchResult.from_json(found)
    table = Table(*COLUMNS, title=summary(result))
    for row in search_rows(result):
        table.add_row(*row)
    Console(width=160).print(table)


def without_paths(found: dict[str, Any]) -> dict[str, Any]:
    """Return the result of a search without the places of its files."""
    return {**found, "directory": None, "pipeline": None}


def search(command: list[str], folder: Path) -> tuple[dict[str, Any], float]:
    """Search to the end from an empty store; return the result and the wall time in seconds."""
    started = time.monotonic()
    finished = subprocess.run(
        _command(command, folder),
        env=_environment(folder),
        stdout=subprocess.PIPE,
        check=False,
    )
    if finished.returncode not in (0, 3):
        raise SystemExit(f"the search ended with {finished.returncode}")
    return json.loads(finished.stdout), time.monotonic() - started


def search_killed(
    command: list[str], folder: Path, kills: int, seconds: float
) -> tuple[dict[str, Any], list[float]]:
    """Search from an empty store, killed after equal parts of the time; return how long each part took."""
    pieces = []
    for _ in range(kills):
        started = time.monotonic()
        child = subprocess.Popen(
            _command(command, folder),
            env=_environment(folder),
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            child.wait(timeout=seconds / (kills + 1))
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        pieces.append(time.monotonic() - started)
    result, last = search(command, folder)
    return result, [*pieces, last]


def winner(result: dict[str, Any]) -> dict[str, Any] | None:
    """Return the winning combination."""
    found = result["winner"]
    return None if found is None else {name: found[name] for name in IDENTITY}


def _command(command: list[str], folder: Path) -> list[str]:
    return [sys.executable, "-m", "edgecnn.ui.cli.main", *command, "--out", str(folder / "out"), "--json"]


def _environment(folder: Path) -> dict[str, str]:
    """Return an environment whose home is empty but for what was downloaded."""
    home = folder / "home"
    home.mkdir(parents=True, exist_ok=True)
    downloads = home / "downloads"
    if not downloads.is_symlink():
        cache_dir().mkdir(parents=True, exist_ok=True)
        downloads.symlink_to(cache_dir())
    return {**os.environ, "EDGECNN_HOME": str(home)}


if __name__ == "__main__":
    main()
