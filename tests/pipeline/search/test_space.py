from typing import Any

import pytest

from edgecnn.core.config.pipeline import Pipeline
from edgecnn.core.config.yaml_source import YamlSource
from edgecnn.core.documents.search import Combination
from edgecnn.core.errors import UsageError
from edgecnn.pipeline.loading import from_source
from edgecnn.pipeline.search.space import space_of

BUDGETS = {"onnx-int8": {"accuracy_drop": "1 %", "latency_ratio": 0.5, "size": "500 kB"}}


def pipeline(search: dict[str, Any] | None, **changes: Any) -> Pipeline:
    content = {
        "name": "mine",
        "model": {"name": "zoo:mobilenetv2"},
        "data": {"train": "photos/train", "eval": "photos/eval"},
        "train": {"epochs": 10},
        "targets": {"onnx-int8": None, "onnx-fp32": None, "tflite-int8": None, "ethos-u55-128": None},
        "search": search,
    }
    return from_source(YamlSource(content | changes, {}, "mine.yaml"))


def test_defaults_come_from_the_family_the_contract_and_the_training() -> None:
    space = space_of(pipeline({"budgets": BUDGETS}))
    assert space.widths == (0.25, 0.35, 0.5, 0.75, 1.0)
    assert space.heights == (160, 192, 224)
    assert space.quantizations == ("int8",)
    assert space.epochs == (1, 3, 10)
    assert space.macs == (0.5, 1.0)
    assert len(set(space.combinations())) == 5 * 3 * 2


def test_the_pipelines_own_width_and_size_are_the_largest() -> None:
    model = {"name": "zoo:mobilenetv2", "arguments": {"width": 0.5}}
    found = pipeline({"budgets": BUDGETS}, model=model, preprocessing={"height": 28, "width": 28})
    space = space_of(found)
    assert space.widths == (0.25, 0.35, 0.5)
    assert space.heights == (20, 24, 28)


def test_what_has_weights_or_no_width_keeps_it() -> None:
    for model in (
        {"name": "zoo:mobilenetv2", "pretrained": True},
        {"name": "zoo:resnet18"},
        {"name": "timm:resnet10t"},
    ):
        assert space_of(pipeline({"budgets": BUDGETS}, model=model)).widths == (None,)
    untrained = space_of(pipeline({"budgets": BUDGETS}, train=None))
    assert (untrained.epochs, untrained.macs) == ((0,), (1.0,))


def test_given_values_are_taken_in_order_and_once() -> None:
    search = {
        "budgets": BUDGETS,
        "width": [1.0, 0.5, 0.5],
        "input": [96],
        "quantization": ["int8", "fp32"],
        "macs": ["50 %"],
    }
    space = space_of(pipeline(search))
    assert (space.widths, space.heights, space.quantizations) == ((0.5, 1.0), (96,), ("fp32", "int8"))
    assert space.combinations()[0] == Combination(width=0.5, height=96, quantization="int8", macs=0.5), (
        "the smallest comes first"
    )


def test_a_star_stands_for_every_target_and_a_name_goes_before_it() -> None:
    changes = {"targets": {"onnx-int8": None, "tflite-int8": None}}
    budgets = {"*": {"accuracy_drop": "1 %"}, "tflite-int8": {"accuracy_drop": "2 %"}}
    space = space_of(pipeline({"budgets": budgets}, **changes))
    assert {name: limit.accuracy_drop for name, limit in space.budgets.items()} == {
        "onnx-int8": 0.01,
        "tflite-int8": 0.02,
    }


@pytest.mark.parametrize(
    ("search", "changes", "words"),
    [
        (None, {}, "no budgets to search for"),
        ({"budgets": {}}, {}, "at least one target"),
        ({"budgets": {"onnx-int8": {"size": "500 kB"}}}, {}, "accuracy_drop"),
        (
            {"budgets": {"onnx-int9": {"accuracy_drop": 0.01}}},
            {},
            "'onnx-int9' is no target of this pipeline",
        ),
        ({"budgets": BUDGETS}, {"data": {"train": "photos"}}, "data.eval"),
        (
            {"budgets": BUDGETS, "width": [0.5]},
            {"model": {"name": "zoo:mobilenetv2", "pretrained": True}},
            "weights of one width do not fit another",
        ),
        ({"budgets": BUDGETS, "input": [96]}, {"model": {"name": "timm:resnet10t"}}, "not known beforehand"),
        ({"budgets": BUDGETS, "quantization": ["fp16"]}, {}, "no fp16"),
        (
            {"budgets": {"tflite-int8": {"accuracy_drop": 0.01}}, "quantization": ["int8", "fp32"]},
            {},
            "fp32 is nothing for tflite-int8",
        ),
        (
            {"budgets": {"*": {"accuracy_drop": 0.01}}},
            {"targets": {"onnx-int8": None, "onnx-fp32": None}},
            "differ in precision",
        ),
        (
            {"budgets": {"ethos-u55-128": {"accuracy_drop": 0.01, "latency_ratio": 0.5}}},
            {},
            "ethos-u55-128 has no latency",
        ),
        ({"budgets": BUDGETS, "width": []}, {}, "search.width"),
        ({"budgets": BUDGETS, "macs": [1.5]}, {}, "search.macs"),
        (
            {"budgets": BUDGETS},
            {"model": {"name": "zoo:mobilenetv2", "arguments": {"width": "half"}}},
            "width 'half' is not a number",
        ),
        ({"budgets": BUDGETS, "input": list(range(16, 1000))}, {"train": {"epochs": 1}}, "are too many"),
    ],
)
def test_what_cannot_be_searched_is_named(
    search: dict[str, Any] | None, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words.replace(".", r"\.")) as caught:
        space_of(pipeline(search, **changes))
    assert caught.value.exit_code == 2


def test_smaller_means_nowhere_larger_and_quantized_alike() -> None:
    small, large = (
        Combination(width=0.5, height=24, quantization="int8"),
        Combination(width=0.75, height=28, quantization="int8"),
    )
    assert small.within(large)
    assert not large.within(small)
    assert not small.within(Combination(width=0.75, height=28, quantization="fp32"))
    assert not Combination(width=0.5, height=32, quantization="int8").within(large)
    assert Combination(width=0.75, height=28, quantization="int8", macs=0.5).within(large)
    assert not small.within(Combination(width=0.75, height=28, quantization="int8", macs=0.5))
