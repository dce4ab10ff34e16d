from __future__ import annotations

import itertools
import sys
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from edgecnn.core.errors import EdgecnnError, InputError, UsageError
from edgecnn.models.build import build
from edgecnn.models.spec import ModelSpec
from edgecnn.ondevice.contract import Contract

if TYPE_CHECKING:
    from pathlib import Path

NUMBER = itertools.count()
FACTORY = """
from torch import nn
from os import system
import subprocess

def make(classes=5, in_channels=3, depth=1):
    layers = [nn.Conv2d(in_channels, 4, 3)] + [nn.Conv2d(4, 4, 1) for _ in range(depth - 1)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes))

def any_arguments(**arguments):
    return make(**arguments)

def needs(flavour):
    return make()

def number():
    return 5

class Net(nn.Sequential):
    def __init__(self, classes):
        super().__init__(make(classes))

class NotANetwork:
    pass

from torchvision.models import resnet18, ResNet

def raises():
    return {}["missing"]

def leaves():
    raise SystemExit(3)

value = 3
"""


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of the user's own in the working directory; its name."""
    name = f"own_network_{next(NUMBER)}"
    (tmp_path / f"{name}.py").write_text(FACTORY)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    return name


def _spec(
    builder: str, arguments: dict[str, Any] | None = None, *, classes: int = 2, color: str = "rgb"
) -> ModelSpec:
    values = {"mean": [0.0], "std": [255.0]} if color == "gray" else {}
    contract = Contract.from_json({"height": 32, "width": 32, "color": color, **values})
    names = tuple(str(i) for i in range(classes))
    return ModelSpec(builder=builder, contract=contract, classes=names, arguments=arguments or {})


@pytest.mark.parametrize(
    "builder",
    [
        "zoo:mobilenetv2",
        "timm:mobilenetv4_conv_small_035",
        "torchvision:mobilenet_v3_small",
        "torchvision:squeezenet1_1",
        "python:{own}:make",
        "python:{own}:any_arguments",
    ],
)
@pytest.mark.parametrize(("color", "channels"), [("rgb", 3), ("gray", 1)])
def test_builds_for_the_contract_s_channels_and_classes(
    builder: str, color: str, channels: int, own_module: str
) -> None:
    module = build(_spec(builder.format(own=own_module), classes=3, color=color))
    assert not module.training
    if "any_arguments" not in builder:
        assert module(torch.zeros(1, channels, 64, 64)).shape == (1, 3)


def test_the_seed_decides_the_weights() -> None:
    networks = []
    for _ in range(2):
        torch.manual_seed(5)
        networks.append(build(_spec("zoo:mobilenetv2", {"width": 0.25})))
    first, second = (network.state_dict() for network in networks)
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_a_class_and_an_argument_of_the_user_s_own(own_module: str) -> None:
    assert isinstance(build(_spec(f"python:{own_module}:Net")), nn.Sequential)
    deep = build(_spec(f"python:{own_module}:make", {"depth": 3}))
    assert sum(isinstance(layer, nn.Conv2d) for layer in deep.modules()) == 3


@pytest.mark.parametrize(
    ("builder", "arguments", "message"),
    [
        ("zoo:mobilenetv2", {"widht": 1}, "unknown argument of zoo:mobilenetv2 'widht'"),
        ("zoo:mobilenetv2", {"classes": 3}, "'classes' is set by edgecnn"),
        ("zoo:efficientnet-lite0", {"variant": 3}, "unknown argument of zoo:efficientnet-lite0 'variant'"),
        ("timm:resnet18", {"pretrained": True}, "'pretrained' is set by edgecnn"),
        ("timm:resnet18", {"checkpoint_path": "/etc/passwd"}, "'checkpoint_path' is set by edgecnn"),
        ("timm:resnet18", {"nonsense": 1}, "does not take these arguments"),
        ("timm:resnet", {}, "unknown timm model 'resnet'"),
        ("timm:hf-hub:someone/network", {}, "unknown timm model"),
        ("timm:resnet18.none", {}, "unknown weights of timm:resnet18 'none'"),
        ("torchvision:resnet18", {"weights": "DEFAULT"}, "'weights' is set by edgecnn"),
        ("torchvision:resnet18", {"nonsense": 1}, "does not take these arguments"),
        ("torchvision:resnet81", {}, "unknown torchvision model 'resnet81'"),
        ("torchvision:fasterrcnn_resnet50_fpn", {}, "unknown torchvision model"),
        ("python:{own}:make", {"dept": 1}, "unknown argument of python:.*:make 'dept'"),
        ("python:{own}:make", {"in_channels": 1}, "'in_channels' is set by edgecnn"),
        ("python:{own}:needs", {}, "missing a required argument: 'flavour'"),
        ("python:{own}:number", {}, "returned a int"),
        ("python:{own}:mak", {}, "unknown factory in .* 'mak'"),
        ("python:{own}:value", {}, "not recognizable as a factory"),
        ("python:{own}:NotANetwork", {}, "not recognizable as a factory"),
        ("python:{own}:system", {"command": "true"}, "not recognizable as a factory"),
        ("python:{own}:subprocess", {}, "not recognizable as a factory"),
        ("python:os:system", {"command": "true"}, "not recognizable as a factory"),
        ("python:subprocess:call", {"args": "true"}, "not recognizable as a factory"),
        ("python:torch.hub:download_url_to_file", {}, "not recognizable as a factory"),
        ("python:torch.fx.graph_module:reduce_graph_module", {"body": {}}, "not recognizable as a factory"),
        ("python:torch.jit:load", {"f": "x"}, "not recognizable as a factory"),
        ("python:{own}:resnet18", {}, "is not your own code, but that of torchvision.models.resnet"),
        ("python:{own}:ResNet", {}, "is not your own code, but that of torchvision.models.resnet"),
        ("python:{own}:raises", {}, "raised KeyError: "),
        ("python:{own}:leaves", {}, "raised SystemExit: "),
        ("python:no_such_module:make", {}, "No module named 'no_such_module'"),
        ("python:os", {}, "does not name a module and a factory"),
        ("python:../x:make", {}, "does not name a module and a factory"),
        ("python:os.path:__class__.x", {}, "does not name a module and a factory"),
        ("caffe:net", {}, "'caffe:net' is not a model"),
    ],
)
def test_what_cannot_be_built_is_refused(
    builder: str, arguments: dict[str, Any], message: str, own_module: str
) -> None:
    with pytest.raises(EdgecnnError, match=message) as caught:
        build(_spec(builder.format(own=own_module), arguments))
    assert caught.value.exit_code == 2


def test_a_module_with_a_syntax_error_is_named(own_module: str, tmp_path: Path) -> None:
    (tmp_path / f"{own_module}_broken.py").write_text("def make(:\n")
    with pytest.raises(UsageError, match=f"python:{own_module}_broken: invalid syntax"):
        build(_spec(f"python:{own_module}_broken:make"))


@pytest.mark.parametrize("text", ["1 / 0", "raise SystemExit(0)", "import sys; sys.exit('bye')"])
def test_a_module_that_raises_is_named_with_its_line(text: str, own_module: str, tmp_path: Path) -> None:
    (tmp_path / f"{own_module}_raises.py").write_text(f"\n{text}\n")
    with pytest.raises(InputError, match=f"python:{own_module}_raises raised ") as caught:
        build(_spec(f"python:{own_module}_raises:make"))
    assert str(caught.value.hint).endswith(f"{own_module}_raises.py, line 2")


def test_an_installed_factory_has_to_say_that_it_makes_networks() -> None:
    assert isinstance(build(_spec("python:torchvision.models:resnet18")), nn.Module)
    with pytest.raises(UsageError, match="not recognizable as a factory"):
        build(_spec("python:torch.hub:load"))


@pytest.mark.parametrize("classes", [0, 100_001])
def test_the_number_of_classes_is_bounded(classes: int) -> None:
    with pytest.raises(InputError, match=f"{classes} classes are not within"):
        build(_spec("zoo:mobilenetv2", classes=classes))
