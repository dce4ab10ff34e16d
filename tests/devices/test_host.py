from __future__ import annotations

import json
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from edgecnn.backends.worker.isa import ISAS
from edgecnn.devices.host import host, installed_runtimes, parse_cpuinfo, usable_cpus


def test_fingerprint_of_this_machine() -> None:
    here = host()
    assert here.isa in {*ISAS, "unknown"}
    assert here.cores == len(usable_cpus()) >= 1
    assert here.memory_bytes > 1 << 28
    assert here.runtimes["onnxruntime"] == installed_runtimes()["onnxruntime"]
    assert json.loads(json.dumps(here.to_json())) == here.to_json()


def test_fingerprint_imports_no_runtime() -> None:
    script = (
        "import sys; from edgecnn.devices.host import host; host();"
        "print([m for m in ('onnxruntime', 'openvino', 'ai_edge_litert', 'torch') if m in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert answer.stdout.strip() == "[]"


def test_cpuinfo_of_a_raspberry_pi() -> None:
    text = (
        "processor\t: 0\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm aes asimddp\n"
        "CPU implementer\t: 0x41\n\nRevision\t: c04170\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0\n"
    )
    facts = parse_cpuinfo(text)
    assert facts.model == "Raspberry Pi 5 Model B Rev 1.0"
    assert "asimddp" in facts.flags


@given(st.text())
def test_any_cpuinfo_is_survived(text: str) -> None:
    parse_cpuinfo(text)
