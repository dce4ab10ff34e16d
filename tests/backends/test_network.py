"""Loading the network that is lowered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from edgecnn.backends import entry
from edgecnn.backends.entry import LowerRequest
from edgecnn.backends.network import load_network, modules_behind, try_network
from edgecnn.core.errors import InputError
from edgecnn.models.spec import ModelSpec
from tests.backends.conftest import CONTRACT
from tests.support.checkpoints import write_checkpoint


class TwoHeads(nn.Module):
    """Raw boxes and scores, as detectors have."""

    def __init__(self) -> None:
        super().__init__()
        self.boxes, self.scores = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 2, 3)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.boxes(x), self.scores(x)


class Dictionary(TwoHeads):
    """Outputs that no exported file can return."""

    def forward(self, x: torch.Tensor) -> Any:
        return {"boxes": self.boxes(x)}


def two_heads(classes: int) -> nn.Module:
    return TwoHeads()


def dictionary(classes: int) -> nn.Module:
    return Dictionary()


class Loud(nn.Module):
    """Finite weights, infinite answers."""

    def __init__(self) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.full((2,), 3e38))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * self.bias + x.mean()


def loud(classes: int) -> nn.Module:
    return Loud()


class Eigenvalues(nn.Module):
    """An operation that no format has."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        product: torch.Tensor = self.scale * torch.linalg.eigvals(x[0, 0]).real[None]
        return product


def eigenvalues(classes: int) -> nn.Module:
    return Eigenvalues()


def wide_kernel(classes: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, classes, 40), nn.Flatten())


def _saved(folder: Path, factory: Callable[[int], nn.Module], module: nn.Module) -> Path:
    return write_checkpoint(folder, factory, module, contract=CONTRACT, classes=2)


def test_a_network_is_loaded_with_its_input(checkpoint: Path) -> None:
    network = load_network(checkpoint)
    assert tuple(network.example.shape) == (1, 3, 32, 32)
    assert network.outputs == ("output",)
    assert not network.module.training


def test_heads_are_numbered(tmp_path: Path) -> None:
    network = load_network(_saved(tmp_path, two_heads, TwoHeads()))
    assert network.outputs == ("output_0", "output_1")


def test_a_network_that_returns_no_tensors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="returns dict, not a tensor or a tuple of tensors"):
        load_network(_saved(tmp_path, dictionary, Dictionary()))


def test_an_input_size_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not take an input of 3x32x32: .*[Kk]ernel size"):
        load_network(_saved(tmp_path, wide_kernel, wide_kernel(2)))


def test_a_network_that_overflows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="returns values that are not finite"):
        load_network(_saved(tmp_path, loud, Loud()))


@pytest.mark.parametrize(
    ("name", "words"), [("onnx", "ONNX"), ("tflite", "TFLite"), ("openvino", "OpenVINO IR")]
)
def test_an_operation_that_a_format_lacks_is_named(name: str, words: str, tmp_path: Path) -> None:
    checkpoint = _saved(tmp_path / "checkpoint", eigenvalues, Eigenvalues())
    with pytest.raises(InputError, match=f"eigenvalues cannot become {words}: .*linalg_eig") as caught:
        entry.lower(LowerRequest(name, checkpoint, tmp_path / "out"))
    assert "\n" not in caught.value.message
    assert not list((tmp_path / "out").iterdir())


class _Pooled(nn.Module):
    """Two modules that use one operator, and one that does not."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveMaxPool2d(4))
        self.head = nn.AdaptiveMaxPool2d(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.head(self.body(x)).flatten(1)
        return answer


def test_the_modules_behind_a_converters_error_are_named() -> None:
    spec = ModelSpec(builder="python:nets:Pooled", contract=CONTRACT, classes=("a", "b", "c", "d"))
    network = try_network(_Pooled(), spec)
    said = "Lowering not found: aten.adaptive_max_pool2d.default"
    assert modules_behind(said, network) == " (in body.1, head)"
    assert modules_behind("no conversion rule for aten::gelu", network) == ""
    assert modules_behind("an MLIR pass failed", network) == ""
