"""Steps that run side by side make the same files as one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest

import edgecnn
from edgecnn.pipeline.run import RunResult


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 3])
def test_the_number_of_jobs_changes_no_file_and_no_key(
    jobs: int, finished: RunResult, pipeline_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))
    result = edgecnn.run(str(pipeline_file), out=tmp_path / "run", jobs=jobs)
    files = [
        {target.target: target.manifest.files for target in run.targets if target.manifest is not None}
        for run in (finished, result)
    ]
    assert len(files[0]) == 7
    assert files[0] == files[1]
    keys = [
        {step.id: step.key for step in run.summary.steps if not step.id.startswith("benchmark")}
        for run in (finished, result)
    ]
    assert keys[0] == keys[1]
