"""Which tasks there are, and what becomes of packages that bring bad ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.task import CLASSIFICATION
from edgecnn.tasks.registry import BUILT_IN, GROUP, kinds, provider, task_of
from tests.support.extensions import fake_distribution

LACKING = """
class Half:
    kind = "half"
    def __init__(self, settings):
        pass
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path that distributions are written to."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("kind", BUILT_IN)
def test_a_built_in_task_bears_its_kind_and_belongs_to_no_package(kind: str) -> None:
    assert provider(kind).distribution == ""
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


def test_a_package_that_raises_on_import_is_named_and_disturbs_nobody_else(site: Path) -> None:
    fake_distribution(
        site, "bad-task", GROUP, "broken = bad_task_a:Task", {"bad_task_a.py": "raise RuntimeError('no')"}
    )
    assert "broken" in kinds()
    assert task_of(CLASSIFICATION).kind == "classification"
    with pytest.raises(UsageError, match=r"package bad-task 1\.0 cannot be imported: no") as caught:
        task_of({"kind": "broken"})
    assert caught.value.exit_code == 2


def test_a_package_whose_task_lacks_a_method_is_named(site: Path) -> None:
    fake_distribution(site, "half-task", GROUP, "half = bad_task_b:Half", {"bad_task_b.py": LACKING})
    with pytest.raises(UsageError, match=r"package half-task 1\.0 lacks metrics, .*labelled"):
        task_of({"kind": "half"})


def test_a_package_that_takes_a_name_that_exists_is_named(site: Path) -> None:
    fake_distribution(site, "second-task", GROUP, "detection = bad_task_c:Half", {"bad_task_c.py": LACKING})
    with pytest.raises(UsageError, match=r"second-task 1\.0 takes the name of a task that exists"):
        task_of({"kind": "detection"})
    assert task_of(CLASSIFICATION).kind == "classification", "everything else still works"
