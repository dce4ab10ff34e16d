"""Measurement of a candidate's latency against a baseline: set-up and results."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

from edgecnn.core.documents.latency import Latency
from edgecnn.devices.host import usable_cpus

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Unpack

    import numpy.typing as npt

    from edgecnn.backends.worker.messages import SessionCosts
    from edgecnn.devices.base import Device
    from edgecnn.devices.session import OpenOptions, Session, Times

DISTURBED = 0.01
"""An inference counts as disturbed if it waited for the CPU for more than this share of its time."""

_OUTLIER_DEVIATIONS = 5.0


def summarize(times: Sequence[Times], first_ns: Sequence[int], costs: Sequence[SessionCosts]) -> Latency:
    """Summarize the times of one side.

    Args:
        times: All times after the warm-up.
        first_ns: Time of each process's first inference.
        costs: Resources that each process used.
    """
    wall = np.concatenate([part.wall_ns for part in times])
    own = np.concatenate([part.own_ns for part in times])
    waited = wall - own > DISTURBED * wall
    p50, p90, p99 = (float(value) for value in np.quantile(own, [0.5, 0.9, 0.99]))
    wall_p50, wall_p99 = (float(value) for value in np.quantile(wall, [0.5, 0.99]))
    return Latency(
        iterations=len(own),
        p50_ns=p50,
        p90_ns=p90,
        p99_ns=p99,
        min_ns=float(own.min()),
        wall_p50_ns=wall_p50,
        wall_p99_ns=wall_p99,
        first_ns=float(np.median(first_ns)),
        load_ns=float(np.median([cost.load_ns for cost in costs])),
        peak_bytes=max(cost.peak_bytes for cost in costs),
        machine_outliers=int(waited.sum()),
        model_outliers=_outliers(own[~waited]),
    )


def _outliers(own: npt.NDArray[np.int64]) -> int:
    if len(own) == 0:
        return 0
    middle = np.median(own)
    spread = 1.4826 * np.median(np.abs(own - middle))
    return int((own > middle + _OUTLIER_DEVIATIONS * max(spread, 1.0)).sum())


def pinned_cpus(threads: int) -> list[int]:
    """Return the CPUs to pin a worker of ``threads`` threads to.

    These are the last ones, because interrupts prefer the first. Candidate and baseline get the same CPUs:
    only one of them works at a time, and the cores of a machine can differ.
    """
    return usable_cpus()[-max(1, threads) :]


def pinned_opener(
    device: Device, runtime: str, model: Path, *, log: Path, **options: Unpack[OpenOptions]
) -> Callable[[], Session]:
    """Return a function that opens a model in a new worker, pinned to as many CPUs as it has threads.

    Args:
        device: Device of the worker; its last CPUs are used, as :func:`pinned_cpus` explains.
        runtime: Name of the runtime.
        model: The model file.
        log: File that receives the runtime's output.
        options: Threads and other arguments of :meth:`~edgecnn.devices.base.Device.open`, except ``cpus``.
    """
    options["cpus"] = device.cpus()[-max(1, options.get("threads", 1)) :]
    return functools.partial(device.open, runtime, model, log=log, **options)
