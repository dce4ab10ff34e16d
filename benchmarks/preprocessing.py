"""Time preprocessing, and check that its two implementations agree to the last bit.

    python benchmarks/preprocessing.py --data PHOTOS.csv --data fashion-mnist:train --json out.json

Claims that this script is for: a 1080p photo becomes a 224x224 input in at most 1.5 times the time of
Pillow's own resize to that size, with the same integers as the numpy definition; and preparing
a dataset keeps up with decoding it.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import numpy.typing as npt
from output import print_table, write_json
from PIL import Image

from edgecnn.core.config.paths import cache_dir
from edgecnn.data.prepare import prepare
from edgecnn.data.source import open_source
from edgecnn.devices.host import host
from edgecnn.ondevice.contract import Contract, Interpolation, Resize
from edgecnn.ondevice.normalize import normalize, quantize_input
from edgecnn.ondevice.preprocess import geometry, place
from edgecnn.ondevice.resize import resize_array

if TYPE_CHECKING:
    from collections.abc import Callable

INPUT = Contract(height=224, width=224)
SMALL_INPUT = Contract(height=32, width=32, resize="squash")
ROUNDS = 25


def main() -> None:
    """Measure, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", action="append", default=[], help="a dataset to prepare; repeatable")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    arguments = parser.parse_args()
    results: dict[str, Any] = {
        "host": asdict(host()),
        "one_photo": [
            one_photo(replace(INPUT, resize=resize, interpolation=interpolation))
            for resize in get_args(Resize)
            for interpolation in get_args(Interpolation)
        ],
        "look_up": look_up(),
        "prepare": [
            preparing(reference, threads=threads) for reference in arguments.data for threads in (1, 2)
        ],
    }
    for title in ("one_photo", "look_up", "prepare"):
        if results[title]:
            print_table(results[title], title)
    write_json(results, arguments.json)


def one_photo(contract: Contract) -> dict[str, Any]:
    """Compare a 1080p photo's way to the input with Pillow's own resize to that size, in turns."""
    photo = picture(1080, 1920)
    image = Image.fromarray(photo)
    size, kernel = (contract.width, contract.height), Image.Resampling[contract.interpolation.upper()]
    ours, theirs = paired(lambda: geometry(image, contract), lambda: image.resize(size, kernel))
    where = place(1080, 1920, contract)
    expected = resize_array(photo, where.height, where.width, contract.interpolation)
    expected = expected[where.top :, where.left :][: contract.height, : contract.width]
    result = geometry(image, contract)[: expected.shape[0], : expected.shape[1]]
    return {
        "resize": contract.resize,
        "interpolation": contract.interpolation,
        "ms": round(statistics.median(ours), 2),
        "pillow_resize_ms": round(statistics.median(theirs), 2),
        "ratio": round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 2),
        "values": expected.size,
        "values_unlike_numpy": int((result != expected).sum()),
    }


def look_up() -> list[dict[str, Any]]:
    """Time normalizing and quantizing one prepared image of 224x224."""
    images = np.stack([geometry(Image.fromarray(picture(300, 400)), INPUT)] * 32)
    to_float, to_int8 = paired(
        lambda: normalize(images, INPUT), lambda: quantize_input(images, INPUT, 0.0187, -14)
    )
    return [
        {"to": name, "ms_per_image": round(statistics.median(times) / len(images), 3)}
        for name, times in (("float32", to_float), ("int8", to_int8))
    ]


def preparing(reference: str, *, threads: int) -> dict[str, Any]:
    """Prepare a dataset for a network of its size; the source is open already."""
    source = open_source(reference, cache_dir=cache_dir())
    contract = SMALL_INPUT if reference.startswith("fashion-mnist") else INPUT
    with tempfile.TemporaryDirectory(prefix="edgecnn-") as folder:
        wall, cpu = time.perf_counter(), time.process_time()
        prepared = prepare(source, contract, Path(folder), threads=threads)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {
        "data": Path(reference).name,
        "images": len(prepared),
        "pixels": f"{contract.height}x{contract.width}",
        "threads": threads,
        "seconds": round(wall, 2),
        "cpu_seconds": round(cpu, 2),
        "images_per_s": round(len(prepared) / wall, 1),
        "images_per_cpu_s": round(len(prepared) / cpu, 1),
    }


def paired(first: Callable[[], object], second: Callable[[], object]) -> tuple[list[float], list[float]]:
    """Time two functions in turn; milliseconds of each round."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS + 1):
        for function, series in zip((first, second), times, strict=True):
            started = time.perf_counter()
            function()
            series.append((time.perf_counter() - started) * 1e3)
    return times[0][1:], times[1][1:]  # the first round warms up


def picture(height: int, width: int) -> npt.NDArray[np.uint8]:
    """Draw waves with noise; the time of a resize does not depend on the content."""
    y, x = np.mgrid[0:height, 0:width]
    waves = 127 + 90 * np.sin(x / 17) * np.cos(y / 23)
    noise = np.random.default_rng(0).normal(0, 20, (height, width, 3))
    pixels: npt.NDArray[np.float64] = np.clip(waves[..., None] + noise, 0, 255)
    return pixels.astype(np.uint8)


if __name__ == "__main__":
    main()
