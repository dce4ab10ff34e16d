"""What a user can write in place of an operation that a format cannot express."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ORDERED = "use sort or topk, and take the value at its place"
_OUTSIDE = "compute it outside of the network, before or after it"
_FIXED_SIZE = "keep the size of every tensor fixed, for example by torch.where with a mask"
_RANDOM = "an exported network must answer alike every time: draw random numbers only in training"
_QUANTIZED = "leave fake quantization out: edgecnn quantizes the network"
_BOXES = "end the network at the boxes and scores, and select boxes in the application"

_BY_OPERATOR = {
    "_assert_async": "write one_hot as a comparison: (index[..., None] == torch.arange(count)).float()",
    "_cdist_forward": "write the squared distances as sums of a * a, b * b and -2 * a @ b.mT",
    "_fft_c2c": _OUTSIDE,
    "_fft_c2r": _OUTSIDE,
    "_fft_r2c": _OUTSIDE,
    "_trilinear": "write it as products of matrices, for example by einsum",
    "_unique2": _FIXED_SIZE,
    "_upsample_bicubic2d_aa": "resize without antialias=True, or average with avg_pool2d first",
    "_upsample_bilinear2d_aa": "resize without antialias=True, or average with avg_pool2d first",
    "adaptive_max_pool2d": "use max_pool2d with a kernel and a stride; for one value of a map they are "
    "its own size: max_pool2d(x, x.shape[2:])",
    "avg_pool2d": "leave divisor_override out, and multiply by the kernel's area / divisor_override",
    "bernoulli": _RANDOM,
    "bincount": _FIXED_SIZE,
    "clamp": "write both bounds of clamp as numbers of one kind: clamp(min=0.0, max=2.0)",
    "complex": "keep the real and the imaginary part in two tensors",
    "cummax": "use max_pool2d or amax",
    "cummin": "use max_pool2d or amin",
    "deform_conv2d": "use a Conv2d, for example a dilated one",
    "diagonal": "multiply by torch.eye and sum over one axis",
    "erfinv": _OUTSIDE,
    "exponential": _RANDOM,
    "fake_quantize_per_channel_affine_cachemask": _QUANTIZED,
    "fake_quantize_per_tensor_affine_cachemask": _QUANTIZED,
    "fractional_max_pool2d": "use a MaxPool2d with a fixed kernel and stride",
    "histc": _OUTSIDE,
    "kthvalue": _ORDERED,
    "linalg_inv_ex": _OUTSIDE,
    "logcumsumexp": "use exp, cumsum and log",
    "median": _ORDERED,
    "mode": _ORDERED,
    "nms": _BOXES,
    "nonzero": _FIXED_SIZE,
    "rand": _RANDOM,
    "rand_like": _RANDOM,
    "randn": _RANDOM,
    "randn_like": _RANDOM,
    "roi_align": _BOXES,
    "rrelu_with_noise_functional": "use LeakyReLU with the mean of the two slopes, which answers alike",
    "searchsorted": "compare with every bound and sum: (x[..., None] > bounds).sum(-1)",
    "trunc": "use x.abs().floor() * x.sign()",
}
_BY_REASON = {
    r"is_number\(name\)": "return each tensor once from forward",
    r"op_type:(Max|Average)Pool|REDUCE_WINDOW": "leave ceil_mode and divisor_override of the pool out, "
    "and pad the map so that the kernel fits",
    r"data-dependent": "the way through the network depends on values: use torch.where in place of `if`, and "
    "a fixed number of steps in place of `while`",
    r"\.numpy\(\)|\.item\(\)|concrete value": "use tensors of torch alone in forward, without item() and "
    "numpy(); numbers that do not change belong into buffers",
}


def refusal(
    what: str, why: str, operators: Sequence[str], own: Mapping[str, str], *, place: str = ""
) -> InputError:
    """Return the error for a network that a format cannot express, with what the user can write instead.

    Args:
        what: What cannot be done, such as ``python:nets:Net cannot become ONNX``.
        why: The converter's reason, one line.
        operators: Names of the ATen operators that it fails at.
        own: What to use instead of operators, where it differs for this format.
        place: The layers that use them, such as ``" (in body.3)"``.
    """
    known = {**_BY_OPERATOR, **own}
    hints = [known[operator] for operator in operators if operator in known]
    other = "compute it from other operations, or outside of the network"
    named = hint_for(why) or f"{other}; the log of the step holds the converter's report"
    return InputError(f"{what}: {why}{place}", hint=hints[0] if hints else named)


def hint_for(why: str) -> str | None:
    """Return what to do about a vendor's reason that names no operator; None if it is not known.

    >>> hint_for("Could not guard on data-dependent expression Eq(u0, 1)")[:42]
    'the way through the network depends on val'
    """
    return next((hint for pattern, hint in _BY_REASON.items() if re.search(pattern, why)), None)
