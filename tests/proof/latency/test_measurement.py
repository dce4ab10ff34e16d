import numpy as np

from edgecnn.backends.worker.messages import SessionCosts
from edgecnn.devices.host import usable_cpus
from edgecnn.devices.session import Times
from edgecnn.proof.latency.measurement import pinned_cpus, summarize


def test_the_machines_outliers_are_told_from_the_models() -> None:
    wall = np.full(200, 10_000_000)
    wall[10:20] += 5_000_000  # these waited for the CPU
    wall[50:53] += 4_000_000  # these did not: the model was slow
    waited = np.zeros(200, np.int64)
    waited[10:20] = 5_000_000
    summary = summarize([Times(wall, waited, 0)], [12_000_000], [SessionCosts(1, 2_000_000, 3 << 20)])
    assert (summary.machine_outliers, summary.model_outliers) == (10, 3)
    assert summary.p50_ns == 10_000_000
    assert summary.p90_ns == 10_000_000
    assert summary.p99_ns == 14_000_000
    assert summary.wall_p99_ns == 15_000_000
    assert (summary.first_ns, summary.load_ns, summary.peak_bytes) == (12_000_000, 2_000_000, 3 << 20)


def test_pinned_cpus_are_usable() -> None:
    assert set(pinned_cpus(1)) <= set(usable_cpus())
    assert len(pinned_cpus(1)) == 1
    assert pinned_cpus(10_000) == usable_cpus()
