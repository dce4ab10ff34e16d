from pathlib import Path

import pytest

from edgecnn.core.store.store import Store
from edgecnn.pipeline.loading import load_pipeline
from edgecnn.pipeline.search.progress import Deadline, SilentSearchReporter, TimeIsUp
from edgecnn.pipeline.search.space import space_of
from edgecnn.pipeline.search.trials import Trials


@pytest.fixture
def trials(tmp_path: Path) -> Trials:
    pipeline = load_pipeline("quickstart")
    return Trials(
        pipeline, space_of(pipeline), Store(tmp_path / "store"), tmp_path / "logs", SilentSearchReporter()
    )


def test_the_least_accuracy_is_the_originals_less_the_budget(trials: Trials) -> None:
    assert trials.floors(0.9015) == {"onnx-int8": 0.8915}
    assert trials.floors(0.005) == {"onnx-int8": 0.0}, "an accuracy is not negative"


def test_time_is_up_at_the_next_thing_that_is_reported() -> None:
    reporter = Deadline(SilentSearchReporter(), 0.0)
    reporter.planned([])
    with pytest.raises(TimeIsUp):
        reporter.trial("size and latency")
    Deadline(SilentSearchReporter(), None).trial("without a limit")
