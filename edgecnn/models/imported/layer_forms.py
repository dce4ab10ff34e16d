"""Forms of the operators that have weights, with the weights in the layout of torch's layers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.models.imported.onnx_graph import shape_of
from edgecnn.models.imported.recurrent import LAYER
from edgecnn.models.imported.settings import flag, integers, number, pair, unsupported, word

if TYPE_CHECKING:
    from edgecnn.models.imported.form import Array, Form

_MAP, _MATRIX = 4, 2
_GATES = {"LSTM": (0, 2, 3, 1), "GRU": (1, 0, 2), "RNN": (0,)}
"""The gates in torch's order, by their places in ONNX's."""

_ACTIVATIONS = {"LSTM": "sigmoid,tanh,tanh", "GRU": "sigmoid,tanh", "RNN": "tanh"}
_BIASES = 2


def matrix(form: Form) -> None:
    """Bring a matrix into torch's layout, ``[O, I]``, and Gemm's factors into the weights."""
    node, weights = form.node, form.weights
    if not weights:
        return
    if weights["weight"].ndim != _MATRIX:
        raise unsupported(node, f"its weights have {weights['weight'].ndim} dimensions")
    if not node.attributes.pop("transB", 0):
        weights["weight"] = np.swapaxes(weights["weight"], -1, -2)
    alpha, beta = number(node, "alpha", 1.0), number(node, "beta", 1.0)
    if alpha != 1:
        weights["weight"] = weights["weight"] * np.float32(alpha)
        del node.attributes["alpha"]
    if "bias" in weights:
        bias, outputs = weights["bias"], len(weights["weight"])
        if bias.size not in (1, outputs) or bias.shape[-1:] not in ((), (bias.size,)):
            raise unsupported(node, f"its bias has the shape {list(bias.shape)}, not one value an output")
        bias = bias.ravel() * np.float32(beta) if beta != 1 else bias.ravel()
        weights["bias"] = np.broadcast_to(bias, (outputs,))
    if beta != 1:
        del node.attributes["beta"]


def transposed_convolution(form: Form) -> None:
    """Replace ``auto_pad`` and ``output_shape`` by ``pads``: top, left, bottom and right."""
    node, attributes = form.node, form.attributes
    automatic, wanted = word(node, "auto_pad", "NOTSET"), integers(node, "output_shape")
    kernel = shape_of(form.source.inputs[1])[2:]
    for name in ("auto_pad", "output_shape"):
        attributes.pop(name, None)
    if automatic == "VALID" and not wanted:
        attributes.pop("pads", None)
    if automatic in ("NOTSET", "VALID") and not wanted:
        return
    if len(kernel) != 2 or len(form.into) != _MAP:
        raise unsupported(node, f"its kernel has {len(kernel)} dimensions")
    strides, dilations = pair(node, "strides"), pair(node, "dilations")
    more = integers(node, "output_padding") or [0, 0]
    wanted = wanted[-2:] or [size * step for size, step in zip(form.into[2:], strides, strict=True)]
    begin: list[int | float] = []
    end: list[int | float] = []
    settings = (form.into[2:], kernel, strides, dilations, more, wanted)
    for given, extent, step, gap, extra, made in zip(*settings, strict=True):
        total = step * (given - 1) + extra + (extent - 1) * gap + 1 - made
        if total < 0:
            raise unsupported(node, f"output_shape {wanted} is larger than its padding allows")
        less, rest = total // 2, total - total // 2
        begin.append(less if automatic == "SAME_UPPER" else rest)
        end.append(rest if automatic == "SAME_UPPER" else less)
    attributes["pads"] = [*begin, *end]


def slopes(form: Form) -> None:
    """Name the slopes of a PRelu ``weight`` where each is that of a channel, or of all; else ``slope``."""
    slope, rank = form.weights["slope"], len(form.into)
    widened = slope.reshape((1,) * (rank - slope.ndim) + slope.shape)
    others = [size for axis, size in enumerate(widened.shape) if axis != 1]
    if rank > 1 and math.prod(others) == 1 and slope.size in (1, form.into[1]):
        form.weights["weight"] = form.weights.pop("slope").ravel()


def batch_norm(form: Form) -> None:
    """Refuse training, and name the rank of an input that is no map."""
    if flag(form.node, "training_mode") or len(form.source.outputs) > 1:
        raise unsupported(form.node, "it is in training mode")
    if not flag(form.node, "spatial", default=True):
        raise unsupported(form.node, "spatial is 0")
    if len(form.into) != _MAP:
        form.attributes["rank"] = len(form.into)


def instance_norm(form: Form) -> None:
    """Refuse maps of one value, whose variance is 0."""
    if math.prod(form.into[2:]) <= 1:
        raise unsupported(form.node, "it normalizes maps of one value")


def group_norm(form: Form) -> None:
    """Refuse groups of one value, whose variance is 0."""
    channels, groups = form.into[1], int(number(form.node, "num_groups", 0))
    if groups < 1 or channels % groups or math.prod(form.into[2:]) * channels <= groups:
        raise unsupported(form.node, f"it has {groups} groups of {channels} channels")


def layer_norm(form: Form) -> None:
    """Check that the weights have the shape of the last axes, those that are normalized together."""
    axis = form.axis(-1)
    form.attributes.pop("axis", None)
    for name, value in form.weights.items():
        if value.shape != form.into[axis:]:
            shapes = f"{list(value.shape)}, not {list(form.into[axis:])}"
            raise unsupported(form.node, f"its weights ({name}) have the shape {shapes}")


def mean_variance(form: Form) -> None:
    """Name the axes; that of the images is none of them where there is one image."""
    axes = integers(form.node, "axes") or [0, 2, 3]
    rank = len(form.into)
    if any(not -rank <= axis < rank for axis in axes):
        raise unsupported(form.node, f"axes {axes} of {rank} dimensions")
    axes = [axis % rank for axis in axes]
    if math.prod(form.into[axis] for axis in axes) <= 1:
        raise unsupported(form.node, "it normalizes single values")
    form.attributes["axes"] = [axis for axis in axes if axis or form.into[0] != 1]


def recurrent(form: Form) -> None:
    """Bring the weights of an LSTM, GRU or RNN into torch's order, with torch's names."""
    node, weights = form.node, form.weights
    _check_recurrent(form)
    order, directions = _GATES[node.operator], weights["W"].shape[0]
    hidden = weights["R"].shape[2]
    if "B" not in weights:
        weights["B"] = np.zeros((directions, _BIASES * len(order) * hidden), np.float32)
    given, held, biases = (weights.pop(name) for name in ("W", "R", "B"))
    for place, ending in zip(range(directions), ("", "_reverse"), strict=False):
        first, second = np.split(biases[place], _BIASES)
        parts = {"weight_ih": given[place], "weight_hh": held[place], "bias_ih": first, "bias_hh": second}
        for name, value in parts.items():
            weights[f"{LAYER}.{name}_l0{ending}"] = _in_order(value, order)
    if word(node, "activations", "").lower().startswith("relu"):
        form.attributes["nonlinearity"] = "relu"
    for name in ("activations", "clip", "input_forget", "layout"):
        form.attributes.pop(name, None)
    for name in ("initial_h", "initial_c"):
        if name in weights and not weights[name].any():
            del weights[name]
    if node.operator == "LSTM" and ("initial_h" in weights) != ("initial_c" in weights):
        for name in ("initial_h", "initial_c"):
            weights.setdefault(name, np.zeros((directions, 1, hidden), np.float32))


def _in_order(value: Array, order: tuple[int, ...]) -> Array:
    parts = np.split(value, len(order))
    return np.concatenate([parts[place] for place in order])


def _check_recurrent(form: Form) -> None:
    node = form.node
    direction = word(node, "direction", "forward")
    count = 2 if direction == "bidirectional" else 1
    usual = [",".join([_ACTIVATIONS[node.operator]] * count)]
    needed = len(usual[0].split(","))  # RNN names two by default, of which one direction takes the first
    functions = ",".join(word(node, "activations", "").lower().split(",")[:needed])
    if node.operator == "RNN":
        usual.append(",".join(["relu"] * count))
    peepholes = "peepholes" in form.weights and form.weights.pop("peepholes").any()
    refused = {
        f"activations are {functions}": functions not in ("", *usual),
        "clip is set": "clip" in form.attributes,
        "input_forget is set": flag(node, "input_forget"),
        "layout is 1": flag(node, "layout"),
        "its steps have weights to the state (peepholes)": peepholes,
        f"direction is {direction}": direction not in ("forward", "reverse", "bidirectional"),
        "its initial state is one for each image": any(
            form.weights[name].shape[1] != 1 for name in ("initial_h", "initial_c") if name in form.weights
        ),
    }
    for reason, holds in refused.items():
        if holds:
            raise unsupported(node, reason)
    lengths = integers(node, "sequence_lens")
    form.attributes.pop("sequence_lens", None)
    if lengths and {*lengths} != {form.into[0]}:
        raise unsupported(node, f"its sequences have the lengths {lengths}, not all {form.into[0]} steps")
