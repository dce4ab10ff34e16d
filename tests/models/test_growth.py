"""Networks that ask for more than their weights can fill are refused while they are built."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.this_process import peak_memory_bytes
from edgecnn.models.build import build
from edgecnn.models.checkpoint import load_checkpoint, save_checkpoint
from edgecnn.models.growth import MOST_MODULES, BuildLimits, limited
from edgecnn.models.resolve import resolve_model
from edgecnn.models.spec import ModelSpec
from edgecnn.models.spec_file import SPEC_FILE
from edgecnn.ondevice.contract import Contract
from edgecnn.ondevice.json_text import parse_json

if TYPE_CHECKING:
    from pathlib import Path

GIB = 1 << 30


def spec_of(builder: str, **arguments: Any) -> ModelSpec:
    return ModelSpec(builder=builder, contract=Contract(32, 32), classes=("a", "b"), arguments=arguments)


def checkpoint_of(directory: Path, spec: ModelSpec) -> Path:
    """Write a checkpoint as a stranger may: a spec of any size beside weights of a few bytes."""
    save_checkpoint(directory, nn.Linear(2, 2), spec)
    assert parse_json((directory / SPEC_FILE).read_bytes())
    return directory


@pytest.mark.parametrize(
    ("builder", "arguments", "what"),
    [
        ("timm:vit_tiny_patch16_224", {"depth": 100_000}, "tensors|values"),
        ("timm:resnet18", {"layers": [1_000_000, 2, 2, 2]}, "tensors|values"),
        ("timm:convnext_tiny", {"dims": [8_000, 8_000, 8_000, 8_000]}, "values"),
        ("torchvision:resnet50", {"width_per_group": 20_000}, "values"),
        ("torchvision:mobilenet_v2", {"width_mult": 500.0}, "values"),
        ("zoo:mobilenetv2", {"width": 4.0}, "values"),
    ],
)
def test_a_checkpoint_cannot_ask_for_more_than_it_holds(
    tmp_path: Path, builder: str, arguments: dict[str, Any], what: str
) -> None:
    directory = checkpoint_of(tmp_path / "strange", spec_of(builder, **arguments))
    before = peak_memory_bytes()
    with pytest.raises(
        InputError, match=f"has more than [0-9]+ ({what}); its file of weights holds 6 values"
    ):
        load_checkpoint(directory)
    with pytest.raises(
        InputError, match=f"has more than [0-9]+ ({what}); its file of weights holds 6 values"
    ):
        resolve_model(str(directory))
    assert peak_memory_bytes() - before < GIB // 2, "memory was used before the network was refused"


@pytest.mark.parametrize(
    ("builder", "arguments"),
    [
        ("timm:resnet18", {"act_layer": "nope"}),
        ("timm:resnet18", {"output_stride": 7}),
        ("timm:resnet18", {"norm_layer": 5}),
        ("torchvision:resnet18", {"norm_layer": "x"}),
        ("torchvision:resnet18", {"groups": 0}),
        ("torchvision:mobilenet_v2", {"inverted_residual_setting": [[1]]}),
    ],
)
def test_arguments_that_a_library_does_not_take_are_a_mistake_of_the_user(
    builder: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(UsageError, match=f"{builder} does not take these arguments: .+"):
        build(spec_of(builder, **arguments))


def test_a_whole_network_and_its_pruned_one_are_within_the_limits() -> None:
    spec = spec_of("zoo:mobilenetv2")
    state = build(spec).state_dict()
    build(spec, BuildLimits.of(state, spec.builder))
    pruned = {
        name: tensor[: max(1, len(tensor) // 8)] if tensor.ndim else tensor for name, tensor in state.items()
    }
    build(spec, BuildLimits.of(pruned, spec.builder))


def test_layers_are_counted_too() -> None:
    with pytest.raises(InputError, match=f"has more than {MOST_MODULES} layers"), limited(BuildLimits(), "n"):
        nn.Sequential(*(nn.Identity() for _ in range(MOST_MODULES + 1)))


def test_nothing_is_counted_behind_the_block() -> None:
    with limited(BuildLimits(values=4, tensors=1), "n"):
        nn.Linear(2, 2, bias=False)
    assert nn.Linear(20, 20)(torch.zeros(1, 20)).shape == (1, 20)


def test_a_layer_that_learns_its_size_from_the_first_image_is_built() -> None:
    with limited(BuildLimits(), "n"):
        net = nn.Sequential(nn.Flatten(), nn.LazyLinear(2))
        net(torch.zeros(1, 3, 4, 4))
    assert net[1].weight.shape == (2, 48)


def test_the_users_own_code_may_build_more_than_it_keeps() -> None:
    kept = {"weight": torch.zeros(2)}
    assert BuildLimits.of(kept, "python:nets:small") == BuildLimits()
    assert BuildLimits.of(kept, "timm:resnet18").values < BuildLimits().values
