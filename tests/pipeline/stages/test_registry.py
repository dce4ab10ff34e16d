"""Every stage can be found again by its name and its parameters."""

import importlib
import inspect
import pkgutil

import pytest

from edgecnn.backends.registry import find_format
from edgecnn.core.errors import InputError
from edgecnn.pipeline import stages
from edgecnn.pipeline.stages.base import Stage
from edgecnn.pipeline.stages.registry import KINDS, read_stage


def test_every_stage_of_the_package_stands_in_the_table() -> None:
    modules = [
        importlib.import_module(f"{stages.__name__}.{found.name}")
        for found in pkgutil.iter_modules(stages.__path__)
    ]
    found = {
        value.name
        for module in modules
        for item in vars(module).values()
        for value in (item.values() if isinstance(item, dict) else [item])
        if isinstance(value, Stage)
    }
    assert found <= set(KINDS), f"no file can name {found - set(KINDS)}"


def test_stages_say_whether_they_fork_children_with_pytorch() -> None:
    """The calls are found in the text of the stages' modules."""
    for found in pkgutil.iter_modules(stages.__path__):
        module = importlib.import_module(f"{stages.__name__}.{found.name}")
        text = inspect.getsource(module)
        if "torch=True," in text or "torch=True)" in text:
            assert "forks_torch=True" in text, found.name


def test_a_stage_is_found_with_its_parameters_checked() -> None:
    version = find_format("onnx").lower.version
    stage, parameters = read_stage("lower", version, {"format": "onnx"})
    assert (stage.name, parameters.format) == ("lower", "onnx")
    with pytest.raises(InputError, match="parameters of stage 'lower': format"):
        read_stage("lower", version, {"format": 3})
