"""The names in the sources of timm and torchvision are those that the libraries know."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest
import timm
import torchvision.models
from timm.models import _registry

from edgecnn.core.errors import UsageError
from edgecnn.models.library_names import check_name
from edgecnn.models.registry import find_source
from edgecnn.models.sources.library import LibrarySource

_CHECK = """
import json, sys
from edgecnn.core.errors import UsageError
from edgecnn.models.registry import find_source
from edgecnn.models.sources.library import LibrarySource
said = []
for reference in json.loads(sys.argv[1]):
    source = find_source(reference)
    for ask in (source.made_with, source.rebuilt_with, source.published):
        try:
            ask(reference)
        except UsageError as error:
            said.append([error.message, error.hint])
print(json.dumps([said, sorted({"torch", "timm", "torchvision"} & set(sys.modules))]))
"""


def test_every_network_of_the_libraries_is_known() -> None:
    for name in (*timm.list_models(), *_registry._deprecated_models, *timm.list_pretrained()):
        check_name(f"timm:{name}")
    for name in torchvision.models.list_models(module=torchvision.models):
        check_name(f"torchvision:{name}")
        for weights in torchvision.models.get_model_weights(name):
            check_name(f"torchvision:{name}.{weights.name}")


WRONG = {
    "timm:mobilnetv3_large_100": ("unknown timm model 'mobilnetv3_large_100'", "mobilenetv3_large_100"),
    "timm:resnet18.a1_in1": ("unknown weights of timm:resnet18 'a1_in1'", "a1_in1k"),
    "timm:": ("unknown timm model ''", "known:"),
    "torchvision:resnt50": ("unknown torchvision model 'resnt50'", "resnet50"),
    "torchvision:resnet50.IMAGENET1K_V3": (
        "unknown weights of torchvision:resnet50 'IMAGENET1K_V3'",
        "IMAGENET1K_V",
    ),
    "torchvision:fasterrcnn_resnet50_fpn": ("unknown torchvision model", "resnet50"),
    "timm:" + "x" * 3000: ("unknown timm model", "known:"),
}


def test_a_wrong_name_is_reported_before_its_library_is_imported() -> None:
    started = time.monotonic()
    finished = subprocess.run(
        [sys.executable, "-c", _CHECK, json.dumps(list(WRONG))], capture_output=True, text=True, check=True
    )
    said, imported = json.loads(finished.stdout)
    assert not imported
    assert len(said) == 3 * len(WRONG)
    for number, (message, hint) in enumerate(WRONG.values()):
        for found in said[3 * number : 3 * number + 3]:
            assert message in found[0]
            assert hint in found[1]
            assert len(found[0]) < 200
    assert time.monotonic() - started < 20


@pytest.mark.parametrize("reference", ["timm:resnet18", "torchvision:resnet18.IMAGENET1K_V1"])
def test_a_known_name_passes(reference: str) -> None:
    assert find_source(reference).rebuilt_with(reference) == (reference.partition(":")[0],)


def test_a_library_that_is_not_installed_is_left_to_the_check_of_packages() -> None:
    check_name("no_such_library:net")


def test_a_tag_of_a_network_whose_tags_are_computed_is_left_to_the_library() -> None:
    name = "qwen3_vit_88m_enc"
    assert timm.is_model(name)
    check_name(f"timm:{name}.any")
    with pytest.raises(UsageError):
        LibrarySource().describe(f"timm:{name}.any")
