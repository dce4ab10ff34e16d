from __future__ import annotations

import contextlib
from typing import Any

import pytest
import timm
import torchvision.models

from edgecnn.core.errors import UsageError
from edgecnn.models.classes import imagenet_classes
from edgecnn.models.sources.library import LibrarySource, with_tag


def test_timm_contract_is_that_of_the_weights() -> None:
    spec = LibrarySource().describe("timm:mobilenetv4_conv_medium")
    contract = spec.contract
    assert (contract.height, contract.crop_fraction, contract.interpolation) == (256, 0.95, "bicubic")
    assert contract.mean == (123.675, 116.28, 103.53)
    assert spec.classes == imagenet_classes()
    assert spec.licence == "apache-2.0"


def test_a_tag_chooses_its_own_contract() -> None:
    assert LibrarySource().describe("timm:mobilenetv4_conv_medium.e500_r224_in1k").contract.height == 224
    assert LibrarySource().describe("torchvision:resnet50.IMAGENET1K_V1").contract.crop_fraction == 0.875
    assert LibrarySource().describe("torchvision:resnet50").contract.crop_fraction == pytest.approx(224 / 232)


def test_the_default_tag_is_made_explicit() -> None:
    assert with_tag("timm:mobilenetv4_conv_small") == "timm:mobilenetv4_conv_small.e2400_r224_in1k"
    assert with_tag("torchvision:resnet50") == "torchvision:resnet50.IMAGENET1K_V2"
    assert with_tag("torchvision:resnet50.IMAGENET1K_V1") == "torchvision:resnet50.IMAGENET1K_V1"


def test_weights_for_other_classes_have_numbered_names() -> None:
    spec = LibrarySource().describe("timm:mobilenetv4_conv_medium.e180_r384_in12k")
    assert len(spec.classes) == 11821
    assert spec.classes[:2] == ("0", "1")


def test_licences_that_restrict_use_are_passed_on() -> None:
    assert "SWAG" in LibrarySource().describe("torchvision:regnet_y_16gf.IMAGENET1K_SWAG_E2E_V1").licence


def test_every_torchvision_classifier_is_described() -> None:
    for name in torchvision.models.list_models(module=torchvision.models):
        assert LibrarySource().describe(f"torchvision:{name}").classes == imagenet_classes(), name


def test_timm_networks_are_described_or_refused_in_one_line() -> None:
    for name in timm.list_models()[::23]:
        with contextlib.suppress(UsageError):
            assert LibrarySource().describe(f"timm:{name}").contract.channels == 3


def test_a_network_without_published_weights_is_refused() -> None:
    assert timm.is_model("mobilenetv4_conv_small_035")
    with pytest.raises(UsageError, match="has no published weights"):
        with_tag("timm:mobilenetv4_conv_small_035")


@pytest.mark.parametrize("value", [10**9, -1e9, float("inf"), float("nan"), [3, [10**18]], {"a": 1e30}])
def test_a_number_that_is_no_size_is_refused_before_the_library_is_asked(value: Any) -> None:
    """timm computes a list of the length of ``depth`` before it makes a layer."""
    for builder in ("timm:vit_tiny_patch16_224", "torchvision:resnet50"):
        spec = LibrarySource().describe(builder).with_arguments({"depth": value})
        with pytest.raises(
            UsageError, match=rf"{builder}: argument 'depth' is .+; the largest number is 1,000,000"
        ):
            LibrarySource().build(spec)
