"""Make an int8 file of MobileNetV2 with a vendor's own tools, as their documentation says, and prove nothing.

    python benchmarks/vendor_tools.py onnx mobilenetv2.safetensors calibration.csv out.onnx

This is what `cost.py` compares an export with: PyTorch's exporter and ONNX Runtime's ``quantize_static``,
litert_torch and AI Edge Quantizer, OpenVINO's converter and NNCF. Nothing of edgecnn is imported. Standard
error has a line for each step, of the form that edgecnn writes.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from native_defaults import onnx_default, openvino_default, tflite_default
from PIL import Image
from safetensors.torch import load_file
from torchvision.models import MobileNet_V2_Weights, mobilenet_v2

_SHAPE = (1, 3, 224, 224)
_STEPS = ("network", "calibration", "lower", "quantize")


def main() -> None:
    """Build the network, read the photos, convert and quantize."""
    form, weights, photos, out = sys.argv[1:]
    network = mobilenet_v2()
    network.load_state_dict(load_file(weights))
    _done("network")
    samples = _samples(Path(photos))
    _done("calibration")
    lower, quantize = {
        "onnx": (_lower_onnx, onnx_default),
        "tflite": (_lower_tflite, tflite_default),
        "openvino": (_lower_openvino, openvino_default),
    }[form]
    made = Path(out)
    float_file = made.with_stem(f"{made.stem}-float")
    lower(network.eval(), float_file)
    _done("lower")
    if form == "tflite":
        samples = [np.ascontiguousarray(sample.transpose(0, 2, 3, 1)) for sample in samples]
    quantize(str(float_file), samples, out)
    _done("quantize")


def _samples(table: Path) -> list[Any]:
    """Return the photos of a CSV file as inputs, float32 ``[1, 3, 224, 224]`` each."""
    transform = MobileNet_V2_Weights.IMAGENET1K_V1.transforms()
    with table.open(encoding="utf-8", newline="") as rows:
        paths = [table.parent / row["path"] for row in csv.DictReader(rows)]
    return [transform(Image.open(path).convert("RGB"))[None].numpy() for path in paths]


def _lower_onnx(network: torch.nn.Module, file: Path) -> None:
    """Convert with PyTorch's exporter."""
    example = (torch.zeros(_SHAPE),)
    torch.onnx.export(network, example, file, dynamo=True, input_names=["input"], external_data=False)


def _lower_tflite(network: torch.nn.Module, file: Path) -> None:
    """Convert with litert_torch, to a file that takes channels last."""
    import litert_torch

    channels_last = litert_torch.to_channel_last_io(network, args=[0]).eval()
    example = torch.zeros(_SHAPE).permute(0, 2, 3, 1).contiguous()
    litert_torch.convert(channels_last, (example,)).export(str(file))


def _lower_openvino(network: torch.nn.Module, file: Path) -> None:
    """Convert with OpenVINO's converter; weights stay float32."""
    import openvino

    model = openvino.convert_model(network, example_input=torch.zeros(_SHAPE), input=[list(_SHAPE)])
    openvino.save_model(model, file, compress_to_fp16=False)


def _done(step: str) -> None:
    sys.stderr.write(f"[{_STEPS.index(step) + 1}/{len(_STEPS)}] {step} done\n")


if __name__ == "__main__":
    main()
