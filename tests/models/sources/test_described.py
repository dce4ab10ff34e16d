"""What sources with a description have in common: contracts, arguments, numbers of classes."""

from __future__ import annotations

import pytest
from torch import Tensor, nn

from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.task import TaskDescription
from edgecnn.models.classes import imagenet_classes, numbered
from edgecnn.models.described import DescribedNetwork
from edgecnn.models.source import ModelRequest
from edgecnn.models.sources.described import DescribedSource, check_arguments, override
from edgecnn.models.spec import ModelSpec
from edgecnn.ondevice.contract import Contract


class OneLayer(DescribedSource):
    """A source whose networks have five outputs."""

    schemes = ("one",)

    def describe(self, reference: str) -> ModelSpec:
        return ModelSpec(builder=reference, contract=Contract(4, 4), classes=imagenet_classes())

    def build(self, spec: ModelSpec) -> nn.Module:
        raise AssertionError(spec)


class CountingLayer(OneLayer):
    """The same; it says itself how many classes it has."""

    counts_classes = True


class Level(DescribedNetwork):
    """One number for each image, or five scores."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.head = nn.Linear(48, outputs)

    def forward(self, images: Tensor) -> Tensor:
        answer: Tensor = self.head(images.flatten(1))
        return answer

    def task(self, contract: Contract) -> TaskDescription:
        del contract
        return TaskDescription.model_validate({"kind": "level"})

    def score_layers(self) -> tuple[str, ...]:
        return ("head",) if self.head.out_features > 1 else ()


class LevelSource(OneLayer):
    """A source of such networks."""

    def __init__(self, outputs: int) -> None:
        self.outputs = outputs

    def build(self, spec: ModelSpec) -> nn.Module:
        del spec
        return Level(self.outputs)


def spec(classes: int = 5) -> ModelSpec:
    return ModelSpec(builder="one:x", contract=Contract(4, 4), classes=numbered(classes))


def test_a_contract_is_changed_field_by_field() -> None:
    changed = override(Contract(4, 4), {"height": 8})
    assert (changed.height, changed.width) == (8, 4)
    with pytest.raises(UsageError, match="preprocessing"):
        override(Contract(4, 4), {"hight": 8})
    with pytest.raises(UsageError, match="preprocessing"):
        override(Contract(4, 4), {"height": -1})


def test_arguments_are_those_of_the_builder() -> None:
    check_arguments("zoo:x", ["width"], ["width", "dropout"])
    with pytest.raises(UsageError, match="'classes' is set by edgecnn"):
        check_arguments("zoo:x", ["classes"], ["classes"])
    with pytest.raises(UsageError, match="widht") as caught:
        check_arguments("zoo:x", ["widht"], ["width", "dropout"])
    assert "width" in str(caught.value.hint)


def test_the_number_of_outputs_must_be_that_of_the_classes() -> None:
    asked = ModelRequest("one:x")
    assert OneLayer()._with_classes(asked, spec(), 5) == spec()
    with pytest.raises(InputError, match="one:x has 7 outputs for 5 classes"):
        OneLayer()._with_classes(asked, spec(), 7)
    assert CountingLayer()._with_classes(asked, spec(), 7).classes == numbered(7)
    with pytest.raises(InputError, match="7 outputs"):
        CountingLayer()._with_classes(ModelRequest("one:x", classes=("a",) * 5), spec(), 7)
    assert OneLayer()._with_classes(asked, spec(), None) == spec(), "maps have no number of classes"


def test_a_network_without_scores_of_classes_has_as_many_outputs_as_its_task_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Folders may be levels of one number."""
    source = LevelSource(1)
    monkeypatch.setattr("edgecnn.models.build.build", lambda spec, _: source.build(spec))
    asked = ModelRequest("one:x", classes=tuple("abcde"))
    _, found = source.resolve(asked)
    assert (found.classes, found.task.kind) == (tuple("abcde"), "level")
    monkeypatch.setattr("edgecnn.models.build.build", lambda spec, _: LevelSource(7).build(spec))
    with pytest.raises(InputError, match="one:x has 7 outputs for 5 classes"):
        source.resolve(asked)


def test_the_packages_of_a_described_network_name_its_classes_too() -> None:
    assert OneLayer().made_with("one:x") == ("torchvision",)
