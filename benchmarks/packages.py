"""Measure size and cost of a finished run's packages, and check that a second build gives the same bytes.

    python benchmarks/packages.py runs/quickstart --photos imagenet/eval.csv --json out.json

Claims that this script is for: the wheel is under 1 MB beside its model; its first result takes under 2 s of
CPU time and at most 60 MB beyond interpreter and runtime; no torch and no edgecnn is imported; a 1080p photo
is prepared in at most 1.5 times the time of Pillow's own resize; the same inputs give the same bytes, in
under 20 s. With ``--photos`` it also shows what antialiasing is worth: EfficientNet-Lite0 with and without.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
from output import print_table, write_json
from PIL import Image
from preprocessing import picture

import edgecnn
from edgecnn.core.config.paths import cache_dir
from edgecnn.core.store.digest import digest_tree
from edgecnn.data.source import open_source
from edgecnn.devices.host import host
from edgecnn.ondevice.contract import Contract, Resize
from edgecnn.ondevice.normalize import normalize
from edgecnn.ondevice.preprocess import geometry, place
from tests.support.archives import read_archive

ROUNDS = 25
# The kernel's own count: that of getrusage begins with the parent's.
PEAK = "print(next(line for line in open('/proc/self/status') if line.startswith('VmHWM')))"
# What the command needs before it does anything of its own.
BARE = "import numpy, PIL.Image, ai_edge_litert.interpreter"


def main() -> None:
    """Measure, print the tables, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="a finished run with a TFLite target")
    parser.add_argument("--photos", help="labelled ImageNet photos, for the worth of antialiasing")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    arguments = parser.parse_args()
    results: dict[str, Any] = {
        "host": asdict(host()),
        "built": [built(arguments.run, platform) for platform in ("raspberry-pi", "android")],
        "first_result": [first_result(arguments.run)],
        "preprocessing": [preprocessing(resize) for resize in get_args(Resize)],
        "antialiasing": [] if arguments.photos is None else antialiasing(arguments.photos),
    }
    for title in ("built", "first_result", "preprocessing", "antialiasing"):
        if results[title]:
            print_table(results[title], title)
    write_json(results, arguments.json)


def built(run: Path, platform: str) -> dict[str, Any]:
    """Build a platform's packages twice, in folders of their own."""
    seconds, digests = [], []
    with tempfile.TemporaryDirectory(prefix="edgecnn-packages-") as folder:
        for number in range(2):
            out = Path(folder) / str(number)
            started = time.perf_counter()
            result = edgecnn.package(run, platform, out=out)
            seconds.append(time.perf_counter() - started)
            digests.append(digest_tree(out))
        package = result.paths[0]
        members = read_archive(package)
        (model,) = (data for name, data in members.items() if name.endswith((".tflite", ".onnx")))
        return {
            "package": package.name,
            "bytes": package.stat().st_size,
            "bytes_beside_model": package.stat().st_size - len(model),
            "unpacked_beside_model": sum(map(len, members.values())) - len(model),
            "seconds": round(max(seconds), 2),
            "identical": digests[0] == digests[1],
        }


def first_result(run: Path) -> dict[str, Any]:
    """Let the wheel's command classify a photo in a fresh process, beside a bare interpreter and runtime."""
    with tempfile.TemporaryDirectory(prefix="edgecnn-packages-") as folder:
        site = Path(folder)
        result = edgecnn.package(run, "raspberry-pi", out=site / "out")
        for name, data in read_archive(result.paths[0]).items():
            (site / name).parent.mkdir(parents=True, exist_ok=True)
            (site / name).write_bytes(data)
        photo = site / "photo.jpg"
        Image.fromarray(picture(1080, 1920)).save(photo)
        code = (
            f"import sys; from pathlib import Path; from {result.name}.ondevice.command import main; "
            f"main(Path({str(site / result.name)!r}), [{str(photo)!r}]); "
            "print(sorted({'edgecnn', 'torch'} & set(sys.modules)), file=sys.stderr)"
        )
        cpu, peak, imported = measured(code, site)
        bare_cpu, bare_peak, _ = measured(BARE, site)
    return {
        "cpu_s": round(cpu, 2),
        "bare_cpu_s": round(bare_cpu, 2),
        "peak_mb": round(peak / 1e6, 1),
        "beyond_runtime_mb": round((peak - bare_peak) / 1e6, 1),
        "imports_of_edgecnn_or_torch": imported.strip().splitlines()[-1] if imported.strip() else "",
    }


def measured(code: str, site: Path) -> tuple[float, int, str]:
    """Run Python code thrice; return the least CPU seconds, the largest peak memory, what it said last."""
    costs: list[tuple[float, int]] = []
    for _ in range(3):
        child = subprocess.Popen(
            [sys.executable, "-c", f"{code}\n{PEAK}"],
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(site)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        printed, said = (
            stream.read() if stream is not None else "" for stream in (child.stdout, child.stderr)
        )
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        assert child.returncode == 0, said
        costs.append((usage.ru_utime + usage.ru_stime, 1024 * int(printed.split()[-2])))
    return min(cpu for cpu, _ in costs), max(peak for _, peak in costs), said


def preprocessing(resize: Resize) -> dict[str, Any]:
    """Compare a 1080p photo's way to the input with Pillow's own bilinear resize to that size, in turns."""
    contract = Contract(height=224, width=224, resize=resize)
    photo = Image.fromarray(picture(1080, 1920))
    ours, theirs = [], []
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        geometry(photo, contract)
        between = time.perf_counter()
        photo.resize((224, 224), Image.Resampling.BILINEAR)
        ours.append(1e3 * (between - started))
        theirs.append(1e3 * (time.perf_counter() - between))
    ratios = [a / b for a, b in zip(ours[1:], theirs[1:], strict=True)]
    return {
        "resize": resize,
        "ms": round(statistics.median(ours[1:]), 2),
        "pillow_ms": round(statistics.median(theirs[1:]), 2),
        "ratio": round(statistics.median(ratios), 2),
    }


def antialiasing(photos: str) -> list[dict[str, Any]]:
    """Evaluate EfficientNet-Lite0 (PyTorch, fp32) with the contract's resize and one that skips pixels."""
    import torch

    from edgecnn.models.resolve import resolve_model

    module, spec = resolve_model("zoo:efficientnet-lite0", pretrained=True)
    module.eval()
    source = open_source(photos, cache_dir=cache_dir())
    right: dict[str, int] = {"antialiased": 0, "not antialiased": 0}
    for index in range(len(source)):
        image = source.load(index).convert("RGB")
        for name, pixels in (
            ("antialiased", geometry(image, spec.contract)),
            ("not antialiased", skipping(image, spec.contract)),
        ):
            tensor = torch.from_numpy(normalize(pixels[None], spec.contract)).permute(0, 3, 1, 2)
            with torch.inference_mode():
                right[name] += int(module(tensor).argmax()) == int(source.labels[index])
    return [
        {"resize": name, "images": len(source), "top1_percent": round(100 * count / len(source), 2)}
        for name, count in right.items()
    ]


def skipping(image: Image.Image, contract: Contract) -> npt.NDArray[np.uint8]:
    """Resize by half-pixel bilinear interpolation between four neighbours, as much device code does."""
    import torch

    where = place(image.height, image.width, contract)
    pixels = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None].float()
    resized = torch.nn.functional.interpolate(
        pixels, (where.height, where.width), mode="bilinear", align_corners=False, antialias=False
    )
    shown = resized[0, :, where.top : where.top + contract.height, where.left : where.left + contract.width]
    result: npt.NDArray[np.uint8] = shown.round().clamp(0, 255).byte().permute(1, 2, 0).numpy()
    return result


if __name__ == "__main__":
    main()
