"""Networks of the user's own code: what is called, with which arguments, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from torch import nn

from edgecnn.core.errors import InputError, UsageError
from edgecnn.models.sources.module import ModuleSource, find_factory, try_training
from edgecnn.models.spec import ModelSpec
from edgecnn.ondevice.contract import Contract

if TYPE_CHECKING:
    from pathlib import Path

CODE = """
from torch import nn
from os.path import join

class Net(nn.Module):
    def __init__(self, classes=7, in_channels=3, depth=1):
        super().__init__()
        self.layer, self.depth, self.calls = nn.Linear(in_channels, classes), depth, 0
    def forward(self, x):
        Net.seen = self.training, len(x)
        return self.layer(x.mean((2, 3)))

def plain(**settings): return nn.Linear(1, settings.get("width", 2))
def wrong(): return "no network"
def broken(): raise ValueError("two\\nlines")
value = 3
"""


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module of the user's."""
    (tmp_path / "nets_of_a_test.py").write_text(CODE)
    monkeypatch.syspath_prepend(str(tmp_path))
    return "nets_of_a_test"


def spec(builder: str, classes: int = 4, **arguments: Any) -> ModelSpec:
    names = tuple(map(str, range(classes)))
    return ModelSpec(builder=builder, contract=Contract(4, 4), classes=names, arguments=arguments)


def test_a_factory_receives_classes_channels_and_arguments(nets: str) -> None:
    module = ModuleSource().build(spec(f"python:{nets}:Net", depth=2))
    assert module.state_dict()["layer.weight"].shape == (4, 3)
    assert module.depth == 2
    assert ModuleSource().build(spec(f"python:{nets}:plain", width=5)).out_features == 5
    with pytest.raises(UsageError, match="'detph'"):
        ModuleSource().build(spec(f"python:{nets}:Net", detph=2))


def test_the_factory_says_how_many_classes_it_has(nets: str) -> None:
    assert len(ModuleSource().describe(f"python:{nets}:Net").classes) == 7
    assert len(ModuleSource().describe(f"python:{nets}:plain").classes) == 1000


@pytest.mark.parametrize(
    ("factory", "kind", "reason"),
    [
        ("wrong", InputError, "returned a str, not a torch.nn.Module"),
        ("broken", InputError, "raised ValueError: two lines"),
        ("value", UsageError, "not recognizable as a factory"),
        ("join", UsageError, "is not your own code"),
        ("Nett", UsageError, "Nett"),
    ],
)
def test_what_is_no_factory_is_refused_in_one_line(
    nets: str, factory: str, kind: type[Exception], reason: str
) -> None:
    with pytest.raises(kind, match=reason) as caught:
        ModuleSource().build(spec(f"python:{nets}:{factory}"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("entry", ["nets", "nets:", ":Net", "nets:Net()", "../nets:Net", "nets:Net.forward"])
def test_a_reference_has_a_module_and_a_factory(entry: str) -> None:
    with pytest.raises(UsageError, match="does not name a module and a factory"):
        find_factory(entry)


def test_training_is_tried_on_a_copy(nets: str) -> None:
    module = ModuleSource().build(spec(f"python:{nets}:Net")).eval()
    try_training(module, spec(f"python:{nets}:Net"))
    assert type(module).seen == (True, 2), "two images, as training"  # type: ignore[attr-defined]
    assert not module.training
    try_training(nn.Conv2d(9, 9, 9), spec("python:x:y"))  # one that cannot be run is no error
