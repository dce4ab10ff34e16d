from __future__ import annotations

import json
import math

import numpy as np
import pytest

from edgecnn.backends.worker.isa import isa_named
from edgecnn.core.documents.link import Link
from edgecnn.core.errors import UsageError
from edgecnn.proof.links.limits import Limits
from edgecnn.proof.links.verification import (
    first_broken,
    judge_outputs,
    verify_conversion,
    verify_kernels,
    verify_quantization,
)
from edgecnn.tasks.classification.labelled import verify_task

RNG = np.random.default_rng(0)
N, CLASSES = 400, 10
LABELS = RNG.integers(0, CLASSES, N)
FLOAT = RNG.normal(size=(N, CLASSES)).astype(np.float32)
FLOAT[np.arange(N), LABELS] += 4
FP32, INT8 = Limits.of("fp32"), Limits.of("int8")


def noisy(decibels: float, seed: int = 1) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=FLOAT.shape)
    noise *= np.sqrt((FLOAT**2).sum() / (noise**2).sum()) * 10 ** (-decibels / 20)
    return (FLOAT + noise).astype(np.float32)


def test_right_conversion_holds() -> None:
    link = verify_conversion(FLOAT, noisy(110), FP32)
    assert link.passed
    assert link.cause == ""
    assert link.message().startswith("link 1 (conversion) holds")


def test_wrong_conversion_is_broken_with_both_numbers() -> None:
    link = verify_conversion(FLOAT, noisy(30), FP32)
    assert not link.passed
    assert link.broken == ("sqnr_db",)
    assert "sqnr_db 30 (at least 60)" in link.message()
    assert "different arithmetic" in link.cause


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        (np.where(np.arange(N)[:, None] == 7, np.nan, FLOAT), "NaN"),
        (np.repeat(FLOAT[:1], N, axis=0), "every image gets the same"),
        (FLOAT[:, RNG.permutation(CLASSES)][::-1], "preprocessing, layout or colour order"),
    ],
)
def test_cause_of_broken_outputs(outputs: np.ndarray, said: str) -> None:
    broken = np.ascontiguousarray(outputs, np.float32)
    for link in (verify_conversion(FLOAT, broken, FP32), verify_quantization(FLOAT, broken, INT8)):
        assert not link.passed
        assert said in link.cause


def test_a_network_that_answers_nothing_is_not_the_conversions_fault() -> None:
    silent = np.full((N, 4, 1, 1), 0.5, np.float32)
    rounded = silent + RNG.normal(scale=1e-6, size=silent.shape).astype(np.float32)
    link = verify_conversion(silent, rounded, FP32)
    assert not link.passed
    assert link.cause.startswith("the network itself gives every image the same outputs")


def test_quantization_limits_are_those_of_the_precision() -> None:
    outputs = noisy(18)
    assert verify_quantization(FLOAT, outputs, INT8).passed
    assert not verify_quantization(FLOAT, outputs, Limits.of("fp16")).passed
    assert not verify_quantization(FLOAT, noisy(5), INT8).passed
    assert verify_quantization(FLOAT, noisy(50), Limits.of("fp16")).passed


def test_range_that_clips_is_the_cause() -> None:
    link = verify_quantization(FLOAT, np.minimum(FLOAT, 1.0), INT8)
    assert not link.passed
    assert "too narrow" in link.cause


def test_range_that_is_too_wide_is_the_cause() -> None:
    coarse = (np.round(FLOAT / 3) * 3).astype(np.float32)
    coarse[0, 0], coarse[1, 1] = 50.0, -50.0
    link = verify_quantization(FLOAT, coarse, INT8)
    assert not link.passed
    assert "too wide" in link.cause


def test_saturating_kernel_is_named_where_the_cpu_saturates() -> None:
    link = verify_kernels(FLOAT, noisy(19), noisy(7.4, 2), INT8, isa_named("x86-64-avx2"))
    assert not link.passed
    assert link.metrics["gap_db"] == pytest.approx(11.6, abs=0.1)
    assert "saturate on x86-64-avx2" in link.cause
    assert "gap_db 11.6 (at most 3)" in link.message()
    other = verify_kernels(FLOAT, noisy(19), noisy(7.4, 2), INT8, isa_named("arm64"))
    assert "saturate" not in other.cause
    assert "does not compute what the file says" in other.cause


def test_two_right_kernels_may_round_differently() -> None:
    assert verify_kernels(FLOAT, noisy(19), noisy(18, 2), INT8, isa_named("x86-64-avx2")).passed


def test_a_loss_far_above_what_moves_a_class_is_no_kernel_gap() -> None:
    assert verify_kernels(FLOAT, noisy(34), noisy(28, 2), INT8, None).metrics["gap_db"] == 0.0


def test_float_rounding_is_no_kernel_gap() -> None:
    """120 against 95 dB are both exact for a float file, and so is an infinite SQNR."""
    assert verify_kernels(FLOAT, noisy(120), noisy(95, 2), FP32, None).passed
    assert verify_kernels(FLOAT, FLOAT, noisy(95), FP32, None).metrics["gap_db"] == 0.0


def test_kernel_that_makes_nan_is_broken() -> None:
    link = verify_kernels(FLOAT, noisy(19), np.full_like(FLOAT, np.nan), INT8, None)
    assert not link.passed
    assert "NaN" in link.cause


def test_task_drop_is_asserted_on_the_output() -> None:
    assert verify_task(FLOAT, noisy(20), LABELS, INT8).passed
    link = verify_task(FLOAT, noisy(3), LABELS, INT8)
    assert not link.passed
    assert link.metrics["drop"] > 0.025
    assert link.metrics["drop_low"] < link.metrics["drop"] < link.metrics["drop_high"]
    assert link.metrics["fp32_top1"] - link.metrics["top1"] == pytest.approx(link.metrics["drop"])
    assert "400 images" in link.message()


def test_first_broken_link_is_the_one_that_matters() -> None:
    good, bad = verify_conversion(FLOAT, FLOAT, FP32), verify_quantization(FLOAT, noisy(1), INT8)
    worse = verify_task(FLOAT, noisy(1), LABELS, INT8)
    assert first_broken([worse, bad, good]) == bad
    assert first_broken([good]) is None


def test_links_survive_json() -> None:
    for link in (verify_conversion(FLOAT, FLOAT, FP32), verify_quantization(FLOAT, noisy(1), INT8)):
        again = Link.from_json(json.loads(json.dumps(link.to_json(), allow_nan=False)))
        assert again == link
    exact = verify_conversion(FLOAT, FLOAT, FP32).to_json()
    assert exact["metrics"]["sqnr_db"] == "inf"
    assert math.isinf(float(exact["metrics"]["sqnr_db"]))


def test_unknown_limit() -> None:
    with pytest.raises(UsageError, match="no verification limit is called 'sqnr'"):
        Limits.of("int8", {"sqnr": 3.0})


MAP = RNG.normal(size=(8, 6, 9, 9)).astype(np.float32) * 0.5 - 10.0


def test_the_worst_of_several_outputs_is_judged_and_named() -> None:
    boxes, scores = FLOAT * 40, MAP
    floats, files = (boxes, scores), (boxes + 0.1, np.rint(scores / 4) * 4)
    link = judge_outputs(
        ("boxes", "scores"), lambda place: verify_quantization(floats[place], files[place], INT8)
    )
    assert (link.passed, link.output) == (False, "scores")
    assert set(link.outputs) == {"boxes", "scores"}
    assert link.message().startswith("link 2 (quantization) is broken: output scores of the file in")
    assert Link.from_json(json.loads(json.dumps(link.to_json(), allow_nan=False))) == link


def test_a_single_output_goes_without_a_name() -> None:
    link = judge_outputs(("output",), lambda _: verify_conversion(FLOAT, FLOAT, FP32))
    assert (link.output, link.outputs) == ("", {})
    assert "output" not in link.to_json()


def test_an_output_of_nan_is_the_worst() -> None:
    files = (np.full_like(FLOAT, np.nan), noisy(1))
    link = judge_outputs("ab", lambda place: verify_quantization(FLOAT, files[place], INT8))
    assert (link.output, "NaN" in link.cause) == ("a", True)


def test_a_map_is_judged_by_its_changes_from_place_to_place() -> None:
    """Logits near -10 that are all the same keep 26 dB of their values and nothing of what they say."""
    flat = np.broadcast_to(MAP.mean(axis=(0, 2, 3), keepdims=True), MAP.shape).copy()
    flat[0, :, 0, 0] += 1e-3
    link = verify_quantization(MAP, flat, INT8)
    assert not link.passed
    assert link.metrics["sqnr_db"] < 1.0
    assert verify_kernels(MAP, MAP, flat, INT8, None).broken == ("gap_db",)
    assert "agreement" not in link.metrics, "the largest value of a map names no class"


def test_a_map_whose_scores_collapse_under_the_scale_of_its_boxes_is_broken() -> None:
    together = np.concatenate([MAP[:, :3] * 80, MAP[:, 3:] + 10], axis=1)
    quantized = (np.rint(together / 4.0) * 4.0).astype(np.float32)
    link = verify_quantization(together, quantized, INT8)
    assert link.metrics["sqnr_db"] > 8.0, "the boxes alone look right"
    assert link.broken == ("collapsed",)
    assert "50% of the output's channels" in link.cause
