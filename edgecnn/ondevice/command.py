"""The command of a package: predict photos or camera pictures, serve, benchmark, self-test."""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.ondevice.documents import PlainDocument
from edgecnn.ondevice.failure import DeviceError
from edgecnn.ondevice.preprocess import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from edgecnn.ondevice.model import Model, Prediction

INTERRUPTED = 130
_BENCHMARK_S = 3.0


@dataclass(frozen=True)
class Benchmark(PlainDocument):
    """Times of a package's model on this device.

    Attributes:
        preprocessing_ms: Median time of preparing a photo of 1920x1080 pixels, in milliseconds.
        inference_ms: Median time of an inference, in milliseconds.
        photos: Photos that were prepared.
        inferences: Inferences that were timed.
    """

    preprocessing_ms: float
    inference_ms: float
    photos: int
    inferences: int


def main(folder: Path, arguments: Sequence[str] | None = None) -> int:
    """Run the command of the package in ``folder`` and return its exit code.

    0 is success; 2 an input that cannot be used, 4 a damaged package or a failed self-test, 5 a runtime or
    a camera that is missing.
    """
    options = _parser(folder.name).parse_args(arguments)
    try:
        return _run(folder, options)
    except DeviceError as error:
        return _fail(str(error), error.exit_code, options)
    except ImageError as error:
        return _fail(str(error), 2, options)
    except KeyboardInterrupt:
        return INTERRUPTED


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=name, description=f"What the model {name} sees in a photo.")
    parser.add_argument("photos", nargs="*", type=Path, metavar="PHOTO", help="image files")
    parser.add_argument("--json", action="store_true", help="print one JSON document a result")
    parser.add_argument("--top", type=_positive, default=5, metavar="K", help="how many classes (5)")
    parser.add_argument("--runtime", metavar="NAME", help="litert, tflite-runtime or onnxruntime")
    parser.add_argument("--threads", type=_positive, default=1, metavar="N", help="threads (1)")
    parser.add_argument("--version", action="store_true", help="what the package is and what executes it")
    task = parser.add_mutually_exclusive_group()
    task.add_argument("--self-test", action="store_true", help="compare this device with the golden vectors")
    task.add_argument("--benchmark", action="store_true", help="time preprocessing and inference")
    task.add_argument("--camera", action="store_true", help="look at what the camera sees, until Ctrl-C")
    task.add_argument("--serve", action="store_true", help="answer POST /predict over HTTP")
    parser.add_argument("--host", default="127.0.0.1", help="where --serve listens (127.0.0.1)")
    parser.add_argument("--port", type=int, default=8080, help="port of --serve (8080)")
    return parser


def _run(folder: Path, options: argparse.Namespace) -> int:
    if options.self_test:
        return _self_test(folder, options)
    from edgecnn.ondevice.model import Model

    model = Model(folder, runtime=options.runtime, threads=options.threads)
    if options.serve:
        return _serve(model, options)
    if options.camera:
        return _camera(model, options)
    if options.benchmark:
        _print({**benchmark(model).to_json(), **model.describe().to_json()}, options.json)
    elif options.version or not options.photos:
        _print(model.describe().to_json(), options.json)
        return 0 if options.version else _fail("no photo is given; see --help", 2, options)
    return _photos(model, options)


def _photos(model: Model, options: argparse.Namespace) -> int:
    code = 0
    for photo in options.photos:
        try:
            result = model.predict(photo, k=options.top)
        except ImageError as error:
            code = _fail(f"{photo}: {error}", 2, options)
            continue
        _show(model, str(photo), result, options.json)
    return code


def _camera(model: Model, options: argparse.Namespace) -> int:
    from edgecnn.ondevice.camera import pictures

    for picture in pictures():
        _show(model, "camera", model.predict(picture, k=options.top), options.json)
    return 0


def _serve(model: Model, options: argparse.Namespace) -> int:
    from edgecnn.ondevice.service import Service

    if not 0 <= options.port <= 65535:
        return _fail(f"port {options.port} is not within 0..65535", 2, options)
    try:
        service = Service(model, (options.host, options.port))
    except OSError as error:
        return _fail(f"cannot listen on {options.host}:{options.port}: {error.strerror}", 2, options)
    with service:
        host, port = service.server_address[:2]
        sys.stderr.write(f"listening on http://{host!s}:{port}/predict\n")
        service.serve_forever()
    return 0


def _self_test(folder: Path, options: argparse.Namespace) -> int:
    from edgecnn.ondevice.self_test import self_test

    found = self_test(folder, runtime=options.runtime, threads=options.threads)
    _print({"passed": found.passed, **found.to_json()}, options.json)
    return 0 if found.passed else 4


def benchmark(model: Model, seconds: float = _BENCHMARK_S) -> Benchmark:
    """Time preprocessing and inference, half of ``seconds`` each."""
    from PIL import Image

    photo = Image.linear_gradient("L").convert("RGB").resize((1920, 1080))
    tensor = model.prepare(photo)
    prepare_ms, prepared = _median_ms(lambda: model.prepare(photo), seconds / 2)
    infer_ms, inferred = _median_ms(lambda: model.infer(tensor), seconds / 2)
    return Benchmark(prepare_ms, infer_ms, prepared, inferred)


def _median_ms(work: Callable[[], object], seconds: float) -> tuple[float, int]:
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or not times:
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return round(1e3 * sorted(times)[len(times) // 2], 3), len(times)


def _show(model: Model, image: str, result: Prediction, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps({"image": image, **result}) + "\n")
        return
    sys.stdout.write(f"{image}\n")
    for line in model.lines(result):
        sys.stdout.write(f"  {line}\n")


def _print(document: Mapping[str, object], as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(document) + "\n")
        return
    for key, value in document.items():
        shown = "; ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
        sys.stdout.write(f"{key}: {shown}\n")


def _fail(message: str, code: int, options: argparse.Namespace) -> int:
    if options.json:
        sys.stdout.write(json.dumps({"error": message, "exit_code": code}) + "\n")
    else:
        sys.stderr.write(f"error: {message}\n")
    return code


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return value
