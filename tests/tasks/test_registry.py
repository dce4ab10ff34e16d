"""The tasks that there are; tests/extensions has those of other packages."""

from __future__ import annotations

import pytest

from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.task import CLASSIFICATION
from edgecnn.tasks.registry import BUILT_IN, kinds, origin_of, problems, task_of


@pytest.mark.parametrize("kind", BUILT_IN)
def test_a_built_in_task_bears_its_kind_and_belongs_to_no_package(kind: str) -> None:
    assert not origin_of(kind).distribution
    assert kind in kinds()


def test_the_settings_are_the_tasks_own() -> None:
    assert task_of(CLASSIFICATION).kind == "classification"
    with pytest.raises(InputError, match="settings of the task 'classification' cannot be used: 'depth'"):
        task_of({"kind": "classification", "depth": 3})
    with pytest.raises(InputError, match="settings of the task 'detection' cannot be used"):
        task_of({"kind": "detection"})


def test_a_file_names_only_what_is_installed() -> None:
    with pytest.raises(UsageError, match="there is no task 'detections'; installed are") as caught:
        task_of({"kind": "detections"})
    assert caught.value.hint == "did you mean 'detection'?"
    for kind in ("os:system", "../x", "", 3):
        with pytest.raises(InputError, match="not the description of a task"):
            task_of({"kind": kind})


def test_nothing_that_is_installed_here_is_broken() -> None:
    assert not problems()
