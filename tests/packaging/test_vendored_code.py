from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from edgecnn.core.errors import UsageError
from edgecnn.core.task import CLASSIFICATION
from edgecnn.packaging.vendored_code import python_code
from edgecnn.tasks.registry import task_of


def test_a_built_in_task_is_carried_as_it_is() -> None:
    files = python_code("birds", task_of(CLASSIFICATION))
    assert "ondevice/tasks/classification.py" in files
    assert not any(b"edgecnn.ondevice" in data for data in files.values())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import edgecnn.core.errors", "imports edgecnn.core.errors, which no package carries"),
        ("from edgecnn import proof", "imports edgecnn, which no package carries"),
        (None, "which is no Python file"),
    ],
)
def test_a_module_for_devices_imports_nothing_that_packages_lack(
    text: str | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    if text is not None:
        (tmp_path / "odd_device.py").write_text(text)
    task = SimpleNamespace(kind="odd", device_module="odd_device")
    with pytest.raises(UsageError, match=message):
        python_code("birds", task)
