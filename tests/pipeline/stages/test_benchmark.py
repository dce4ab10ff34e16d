"""Stage ``benchmark``: the runtimes whose speed means something."""

import pytest

from edgecnn.backends.registry import runtimes
from edgecnn.core.errors import UsageError
from edgecnn.pipeline.stages.benchmark import benchmark_stage


@pytest.mark.parametrize("name", [name for name, record in runtimes().items() if record.simulates])
def test_a_simulators_speed_is_not_measured(name: str) -> None:
    with pytest.raises(UsageError, match=f"{name} only simulates"):
        benchmark_stage(name)


def test_a_stage_depends_on_the_package_of_its_runtime() -> None:
    for name, record in runtimes().items():
        if not record.simulates:
            assert benchmark_stage(name).packages == (record.distribution,)
