"""All models of a process share one core, because cores that end break signal handlers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from edgecnn.backends.openvino.device import core
from tests.conftest import PROJECT
from tests.support.tiny_models import write_openvino

SCRIPT = """
import signal, sys, time
from pathlib import Path
from edgecnn.backends.openvino.runtime import OpenVino
from edgecnn.backends.worker.runtime import Options

models = [OpenVino.open(Path(sys.argv[1]), Options()) for _ in range(3)]
while models:
    models.pop(0)
signal.signal(signal.SIGALRM, lambda *_: print("handled"))
signal.setitimer(signal.ITIMER_REAL, 0.02)
time.sleep(0.2)
"""


def test_there_is_one_core() -> None:
    assert core() is core()


def test_a_signal_is_handled_after_models_are_gone(tmp_path: Path) -> None:
    model = write_openvino(tmp_path / "tiny.xml")
    ran = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", SCRIPT, str(model)],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, f"the process ended with {ran.returncode}: {ran.stderr}"
    assert ran.stdout == "handled\n"
