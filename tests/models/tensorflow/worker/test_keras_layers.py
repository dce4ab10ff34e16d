"""Descriptions of Keras networks: which classes may stand in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgecnn.core.errors import InputError
from edgecnn.models.tensorflow.worker.keras_layers import MOST_PARTS, check_layers

FILE = Path("net.keras")


def layer(class_name: str, module: str = "keras.layers", **config: Any) -> dict[str, Any]:
    """Return the description of a layer."""
    return {"class_name": class_name, "module": module, "config": {"name": class_name.lower(), **config}}


def network(*layers: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a network."""
    return {"class_name": "Functional", "module": "keras", "config": {"name": "net", "layers": list(layers)}}


def test_layers_of_keras_pass_with_their_initializers() -> None:
    zeros = {"class_name": "Zeros", "module": "keras.initializers", "config": {}}
    added = {"class_name": "Add", "module": "keras.src.ops.numpy", "config": {"name": "add"}}
    assert not check_layers(network(layer("InputLayer"), layer("Conv2D", bias=zeros), added), FILE)
    keras2 = layer("DepthwiseConv2D", "", bias={"class_name": "Zeros", "config": {}})
    assert not check_layers({"class_name": "Model", "config": {"layers": [keras2]}}, FILE)


def test_a_network_that_scales_pixels_itself_is_noticed() -> None:
    assert check_layers(network(layer("InputLayer"), layer("Rescaling"), layer("Conv2D")), FILE)


@pytest.mark.parametrize(
    ("described", "message"),
    [
        (layer("Lambda"), "Lambda layer 'lambda', which is code"),
        (layer("Lambda", ""), "Lambda layer 'lambda', which is code"),
        (layer("TorchModuleWrapper"), "which is code"),
        (layer("TFOpLambda", ""), "which is code"),
        (layer("Mine", "my_layers"), "Mine layer 'mine', which is none of"),
        (layer("Dense", "os"), "Dense layer 'dense', which is none of"),
        (layer("get_file", "keras.utils"), "none of Keras's layers"),
        (layer("get_file", "keras"), "none of Keras's layers"),
        (layer("StringLookup"), "none of Keras's layers"),
        (layer("TimeDistributed", layer=layer("Lambda")), "Lambda layer 'lambda', which is code"),
        (layer("Conv2D", activation=layer("function", "builtins")), "function layer 'function'"),
    ],
)
def test_code_and_unknown_classes_are_named(described: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as found:
        check_layers(network(layer("InputLayer"), described), FILE)
    assert "model.export" in str(found.value.hint)


@pytest.mark.parametrize("description", [[], "text", {}, {"config": {}}, None])
def test_what_describes_no_network_is_refused(description: object) -> None:
    with pytest.raises(InputError, match="no description of a network"):
        check_layers(description, FILE)


def test_deep_and_long_descriptions_are_refused() -> None:
    deep: Any = 1
    for _ in range(200):
        deep = [deep]
    for bad in (deep, [0] * (MOST_PARTS + 1)):
        with pytest.raises(InputError, match="parts, or 100 deep"):
            check_layers({"class_name": "Functional", "config": bad}, FILE)
