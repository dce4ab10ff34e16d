"""The forms that operators have in different opsets, brought into the one that this package builds from.

A setting may be an attribute in one opset and an input in the next, its default may change, and its meaning
may depend on the shape of a tensor. Here all of these become plain numbers in the node's attributes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from edgecnn.models.imported import layer_forms, pools, resize
from edgecnn.models.imported.onnx_graph import shape_of
from edgecnn.models.imported.operators import REDUCTIONS
from edgecnn.models.imported.settings import flag, integers, number, numbers, pads, pair, unsupported, word

if TYPE_CHECKING:
    from collections.abc import Callable

    from edgecnn.models.imported.form import Form

_MAP, _PLACES = 4, 3
_SLACK = 1e-4
_SOFTMAX_OF_ONE_AXIS = 13
_RESIZE_WITH_COORDINATES = 11


def settle(form: Form) -> None:
    """Bring a node's attributes and weights into the form that the operators' makers read, in place.

    Args:
        form: The node, whose attributes hold those of the file and its constant inputs.

    Raises:
        InputError: A setting has no such form.
    """
    if form.node.operator in FORMS:
        FORMS[form.node.operator](form)


def _conv(form: Form) -> None:
    _explicit_padding(form, list(shape_of(form.source.inputs[1])[2:]))


def _explicit_padding(form: Form, kernel: list[int]) -> None:
    """Replace ``auto_pad`` by ``pads``: top, left, bottom and right."""
    automatic = form.attributes.get("auto_pad", "NOTSET")
    if automatic == "VALID":
        del form.attributes["auto_pad"]
        form.attributes.pop("pads", None)
    elif automatic in ("SAME_UPPER", "SAME_LOWER"):
        form.attributes["pads"] = _same_pads(form, kernel, upper=automatic == "SAME_UPPER")
        del form.attributes["auto_pad"]


def _same_pads(form: Form, kernel: list[int], *, upper: bool) -> list[int | float]:
    """Return the padding for an output size of ``ceil(size / stride)``."""
    if len(kernel) != 2 or len(form.into) != _MAP:
        raise unsupported(form.node, f"its kernel has {len(kernel)} dimensions")
    begin: list[int | float] = []
    end: list[int | float] = []
    settings = (kernel, pair(form.node, "strides"), pair(form.node, "dilations"))
    for given, extent, stride, dilation in zip(form.into[2:], *settings, strict=True):
        total = (-(-given // stride) - 1) * stride + (extent - 1) * dilation + 1 - given
        if total < 0 and form.node.operator != "Conv":
            raise unsupported(form.node, "auto_pad with windows that leave out pixels; runtimes disagree")
        total = max(0, total)
        less, more = total // 2, total - total // 2
        begin.append(less if upper else more)
        end.append(more if upper else less)
    return [*begin, *end]


def _pool(form: Form) -> None:
    node = form.node
    kernel = pair(node, "kernel_shape")
    if word(node, "auto_pad", "NOTSET").startswith("SAME") and pair(node, "dilations") != (1, 1):
        raise unsupported(node, "auto_pad with dilations is computed differently by different runtimes")
    _explicit_padding(form, list(kernel))
    strides, dilations, sides = pair(node, "strides"), pair(node, "dilations"), pads(node)
    if len(form.into) != _MAP:
        raise unsupported(node, f"its input has {len(form.into)} dimensions")
    mean = node.operator == "AveragePool"
    if pools.is_torchs(sides, kernel) and not (mean and dilations != (1, 1)):
        return
    extents = [step * (size - 1) + 1 for size, step in zip(kernel, dilations, strict=True)]
    whole = list(sides)
    if flag(node, "ceil_mode"):
        for axis, (given, extent, stride) in enumerate(zip(form.into[2:], extents, strides, strict=True)):
            short = given + sides[axis] + sides[axis + 2] - extent
            steps = -(-short // stride)
            if steps * stride >= given + sides[axis]:
                steps -= 1  # no window begins in the padding behind the map
            whole[axis + 2] = max(whole[axis + 2], steps * stride + extent - given - sides[axis])
        del form.attributes["ceil_mode"]
    form.attributes["pads"] = [*whole]
    if mean:
        counts = bool(form.attributes.pop("count_include_pad", 0))
        form.attributes["counted"] = [*sides] if counts else [0, 0, 0, 0]
        form.attributes["size"] = [*form.into[2:]]


def _dropout(form: Form) -> None:
    if flag(form.node, "training_mode"):
        raise unsupported(form.node, "it is in training mode")


def _softmax(form: Form) -> None:
    """Before opset 13 a softmax is along all axes from ``axis`` on, whose default is 1."""
    if form.opset >= _SOFTMAX_OF_ONE_AXIS:
        return
    axis = form.axis(1)
    form.attributes["axis"] = axis
    if math.prod(form.into[axis + 1 :]) > 1:
        form.attributes["flattened"] = True


def _resize(form: Form) -> None:
    node, attributes = form.node, form.attributes
    _resize_defaults(form)
    if word(node, "coordinate_transformation_mode", "half_pixel") == "tf_crop_and_resize":
        raise unsupported(node, "coordinate_transformation_mode is tf_crop_and_resize")
    sizes, scales = integers(node, "sizes"), numbers(node, "scales")
    if len(form.into) != _MAP or len(form.out) != _MAP:
        raise unsupported(node, f"its input has {len(form.into)} dimensions, not 4")
    axes = [axis % _MAP for axis in integers(node, "axes")] or [*range(_MAP)]
    if sizes:
        scales = _scales_of_sizes(form, dict(zip(axes, sizes, strict=True)))
    elif scales:
        by_axis = dict(zip(axes, scales, strict=True))
        scales = [by_axis.get(axis, 1.0) for axis in range(_MAP)]
    for unused in ("sizes", "axes", "roi", "keep_aspect_ratio_policy"):
        attributes.pop(unused, None)
    attributes["scales"] = [*scales]
    if len(scales) != _MAP or form.into[:2] != form.out[:2]:
        raise unsupported(node, f"its scales are {scales}, not constant ones of height and width")
    measures = zip(form.into[2:], form.out[2:], scales[2:], strict=True)
    height, width = (resize.Axis(*measure) for measure in measures)
    corners = word(node, "coordinate_transformation_mode", "half_pixel") == "align_corners"
    if corners and any(abs(axis.given * axis.scale - axis.made) > _SLACK for axis in (height, width)):
        raise unsupported(node, f"scales {scales} with align_corners make no whole sizes; runtimes disagree")
    if not resize.is_torchs(node, height, width):
        attributes["into"] = [height.given, width.given]
        attributes["out"] = [height.made, width.made]


def _scales_of_sizes(form: Form, sizes: dict[int, int]) -> list[float]:
    """Return the factors of all axes for sizes by axis; a policy keeps the ratio of these axes."""
    policy = word(form.node, "keep_aspect_ratio_policy", "stretch")
    ratios = {axis: size / form.into[axis] for axis, size in sizes.items()}
    match policy:
        case "stretch":
            return [made / given for given, made in zip(form.into, form.out, strict=True)]
        case "not_larger" | "not_smaller":
            one = (min if policy == "not_larger" else max)(ratios.values())
            return [one if axis in ratios else 1.0 for axis in range(_MAP)]
    raise unsupported(form.node, f"keep_aspect_ratio_policy is {policy}")


def _resize_defaults(form: Form) -> None:
    """Before opset 11, coordinates are multiples of the factor and nearest pixels are rounded down."""
    if form.opset >= _RESIZE_WITH_COORDINATES:
        return
    if form.node.operator == "Resize":
        form.attributes["scales"] = form.attributes.pop("roi", [])  # the second of two inputs then
    scales = numbers(form.node, "scales")
    if word(form.node, "mode", "nearest") == "nearest" and min(scales, default=1.0) < 1:
        raise unsupported(form.node, f"scales {scales} of nearest pixels, which opset 10 does not define")
    form.attributes["coordinate_transformation_mode"] = "asymmetric"
    form.attributes["nearest_mode"] = "floor"


def _reduce(form: Form) -> None:
    if not integers(form.node, "axes") and not flag(form.node, "noop_with_empty_axes"):
        form.attributes["axes"] = [*range(len(form.into))]


def _flatten(form: Form) -> None:
    if number(form.node, "axis", 1) < 0:
        form.attributes["axis"] = form.axis(1)


def _squeeze(form: Form) -> None:
    if not integers(form.node, "axes"):
        form.attributes["axes"] = [axis for axis, size in enumerate(form.into) if size == 1]


def _split(form: Form) -> None:
    """Name the sizes of parts that are not equal, which opset 18 allows."""
    if integers(form.node, "split"):
        return
    size, count = form.into[form.axis(0)], len(form.source.outputs)
    if size % count:
        part = -(-size // count)
        last = size - part * (count - 1)
        if last < 0:
            raise unsupported(form.node, f"{size} values cannot be split into {count} parts")
        form.attributes["split"] = [*[part] * (count - 1), last]


def _pad(form: Form) -> None:
    """Name the padding of every axis, and the value to pad with, by the names of the newest form."""
    attributes, rank = form.attributes, len(form.into)
    if "value" in attributes:
        attributes["constant_value"] = attributes.pop("value")
    filling = number(form.node, "constant_value", 0.0)
    if not math.isfinite(filling):
        attributes["constant_value"] = str(filling)
    sides = integers(form.node, "pads")
    axes = [axis % rank for axis in integers(form.node, "axes")]
    if "axes" in attributes:
        del attributes["axes"]
        whole = [0] * (2 * rank)
        for place, axis in enumerate(axes):
            whole[axis], whole[axis + rank] = sides[place], sides[place + len(axes)]
        attributes["pads"] = [*whole]
    elif len(sides) != 2 * rank:
        raise unsupported(form.node, f"its pads {sides} are not those of {rank} axes")


def _clip(form: Form) -> None:
    """Leave out infinite limits, which limit nothing."""
    for name, nothing in (("min", -math.inf), ("max", math.inf)):
        limit = number(form.node, name, nothing)
        if limit == nothing:
            form.attributes.pop(name, None)
        elif not math.isfinite(limit):
            raise unsupported(form.node, f"{name} is {limit}")


def _reshape(form: Form) -> None:
    """Keep the first axis where it is that of the one image, so that the network takes several."""
    sizes = integers(form.node, "shape")
    if flag(form.node, "allowzero") and 0 in sizes:
        raise unsupported(form.node, "it makes a tensor without values")
    if sizes[:1] == [1] and shape_of(form.source.inputs[0])[:1] == (1,):
        form.attributes["shape"] = [0, *sizes[1:]]


def _global_pool(form: Form) -> None:
    if len(form.into) < _PLACES:
        raise unsupported(form.node, f"its input has {len(form.into)} dimensions")
    if len(form.into) != _MAP:
        form.attributes["rank"] = len(form.into)


def _lp_pool(form: Form) -> None:
    _explicit_padding(form, list(pair(form.node, "kernel_shape")))


def _gather(form: Form) -> None:
    """Say whether the places are a single one, which leaves its axis out."""
    if integers(form.node, "indices") and not shape_of(form.source.inputs[1]):
        form.attributes["scalar"] = True


def _expand(form: Form) -> None:
    """Keep the number of images, which is 1 in the file."""
    sizes, given = integers(form.node, "shape"), form.into
    if len(sizes) == len(given) and sizes[:1] == [1]:
        return
    if any(size < 1 for size in sizes):
        raise unsupported(form.node, f"its shape is {sizes}")


def _grid_sample(form: Form) -> None:
    if len(form.into) != _MAP:
        raise unsupported(form.node, f"its input has {len(form.into)} dimensions, not 4")


FORMS: dict[str, Callable[[Form], None]] = {
    "AveragePool": _pool,
    "BatchNormalization": layer_forms.batch_norm,
    "Clip": _clip,
    "Conv": _conv,
    "ConvTranspose": layer_forms.transposed_convolution,
    "Dropout": _dropout,
    "Expand": _expand,
    "Flatten": _flatten,
    "GRU": layer_forms.recurrent,
    "Gather": _gather,
    "Gemm": layer_forms.matrix,
    "GlobalAveragePool": _global_pool,
    "GlobalLpPool": _global_pool,
    "GlobalMaxPool": _global_pool,
    "GridSample": _grid_sample,
    "GroupNormalization": layer_forms.group_norm,
    "Hardmax": _softmax,
    "InstanceNormalization": layer_forms.instance_norm,
    "LSTM": layer_forms.recurrent,
    "LayerNormalization": layer_forms.layer_norm,
    "LogSoftmax": _softmax,
    "LpPool": _lp_pool,
    "MatMul": layer_forms.matrix,
    "MaxPool": _pool,
    "MeanVarianceNormalization": layer_forms.mean_variance,
    "PRelu": layer_forms.slopes,
    "Pad": _pad,
    "RMSNormalization": layer_forms.layer_norm,
    "RNN": layer_forms.recurrent,
    "Reshape": _reshape,
    "Resize": _resize,
    "Softmax": _softmax,
    "Split": _split,
    "Squeeze": _squeeze,
    "Upsample": _resize,
    **dict.fromkeys(REDUCTIONS, _reduce),
}
