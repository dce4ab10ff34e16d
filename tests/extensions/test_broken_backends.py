"""Backends of other packages that cannot be used: one line that names the package, and all else works."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.extensions import edgecnn, fake_distribution, python

GROUP, POINT = "edgecnn.backends", "odd = odd_backend:BACKEND"

WHOLE = """
from edgecnn.backends.records import Backend, FormatRecord, RuntimeRecord, StageVersion

KERNELS = "edgecnn.backends.tflite.kernels:int8_kernels"

def form(name="odd", suffix=".odd", runtime="odd-run", load="odd_code:Odd", kernels=KERNELS, last="int8"):
    one = StageVersion(1, ("numpy",))
    return FormatRecord(name, load, suffix, runtime, ("fp32", last), "NCHW", one, one, one, kernels)

def runtime(name="odd-run", form="odd", load="odd_code:OddRun", **more):
    return RuntimeRecord(name, load, form, "numpy", **more)
"""

TARGET = "description: odd\nformat: odd\nruntime: odd-run\nprecision: fp32\n"

BROKEN = {
    "raises on import": ("raise RuntimeError('the licence\\nhas expired')", "the licence has expired"),
    "ends the program": ("raise SystemExit(0)", "it ends the program"),
    "imports what is missing": ("import no_such_package", "No module named 'no_such_package'"),
    "names what is not there": ("", "has no attribute 'BACKEND'"),
    "is no backend": ("BACKEND = {}", "it is a dict, not a Backend"),
    "lacks a field": (
        WHOLE + "BACKEND = Backend((FormatRecord(name='odd', load='odd_code:Odd'),), (runtime(),))",
        "missing 7 required positional arguments",
    ),
    "takes a format's name": (
        WHOLE + "BACKEND = Backend((form(), form('onnx', '.onx')), (runtime(),))",
        "format 'onnx' takes a name that exists",
    ),
    "takes a runtime's name": (
        WHOLE + "BACKEND = Backend((form(),), (runtime(), runtime('litert')))",
        "runtime 'litert' takes a name that exists",
    ),
    "takes a suffix": (
        WHOLE + "BACKEND = Backend((form(suffix='.tflite'),), (runtime(),))",
        "format 'odd' takes the suffix of format 'tflite'",
    ),
    "has no runtime": (
        WHOLE + "BACKEND = Backend((form(),))",
        "format 'odd' names a runtime 'odd-run', which does not exist",
    ),
    "ships in packages": (
        WHOLE + "BACKEND = Backend((form(),), (runtime(ships={'android': ()}),))",
        "runtime 'odd-run' ships, but packages hold edgecnn's own runtimes only",
    ),
    "has no kernels": (
        WHOLE + "BACKEND = Backend((form(kernels=''),), (runtime(),))",
        "format 'odd' has int8 files, but its field kernels is empty",
    ),
    "locates no code": (
        WHOLE + "BACKEND = Backend((form(load='odd_code'),), (runtime(),))",
        "load of 'odd' is 'odd_code', not 'module:name'",
    ),
    "is for no format": (
        WHOLE + "BACKEND = Backend((form(),), (runtime(), runtime('odd', 'even')))",
        "'odd' names a format 'even', which does not exist",
    ),
}


LOAD = """
from edgecnn.backends.targets import load_target
from edgecnn.core.errors import UsageError
for name in ("odd", "onnx-int8"):
    try:
        load_target(name)
        print(f"{name}: loads")
    except UsageError as error:
        print(f"{name}: {error.message}")
"""


def _user(tmp_path: Path, module: str, code: str = "") -> tuple[Path, Path]:
    """Return a user's folder with a target of the backend, and the folder of its distribution."""
    modules = {"odd_backend.py": module, "odd_code/__init__.py": code}
    installed = fake_distribution(
        tmp_path / "site", "odd-backend", GROUP, "odd = odd_backend:BACKEND", modules
    )
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "odd.yaml").write_text(TARGET)
    return tmp_path, installed


def _export(folder: Path, installed: Path, target: str) -> tuple[int, str]:
    arguments = ("export", "zoo:mobilenetv2", "--target", target, "--calibration", "nowhere")
    done = edgecnn(folder, [installed], *arguments)
    return done.returncode, done.stderr


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_backend_is_one_line_where_it_is_used(what: str, tmp_path: Path) -> None:
    module, reason = BROKEN[what]
    folder, installed = _user(tmp_path, module)
    said = python(folder, [installed], "-c", LOAD).stdout.splitlines()
    line = next(line for line in said if line.startswith("odd: "))
    assert "targets/odd.yaml:2: format: backend 'odd' of odd-backend 1.0 cannot be used: " in line
    assert reason in line
    assert "onnx-int8: loads" in said, "a target of edgecnn's own has nothing to do with it"
    assert len(said) == 2


def test_a_format_without_int8_needs_no_kernels(tmp_path: Path) -> None:
    module = WHOLE + "BACKEND = Backend((form(kernels='', last='fp16'),), (runtime(),))"
    folder, installed = _user(tmp_path, module)
    assert "odd: loads" in python(folder, [installed], "-c", LOAD).stdout.splitlines()


def test_its_exit_code_is_2_and_everything_else_still_works(tmp_path: Path) -> None:
    module, reason = BROKEN["raises on import"]
    folder, installed = _user(tmp_path, module)
    code, said = _export(folder, installed, "odd")
    assert code == 2
    assert reason in said
    assert "Traceback" not in said
    code, said = _export(folder, installed, "onnx-int8")
    assert "odd-backend" not in said
    assert "nowhere" in said, "it comes as far as the images"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (
            "raise ValueError('no such chip')",
            "odd_code:Odd of odd-backend 1.0 cannot be imported: no such chip",
        ),
        ("class Odd: pass", "format odd of odd-backend 1.0 is no subclass of edgecnn.backends.format.Format"),
        (
            "from edgecnn.backends.format import Format\nclass Odd(Format): pass",
            "format odd of odd-backend 1.0 has no method inspect, lower, quantize, weights",
        ),
        (
            "import json\nfrom edgecnn.backends.format import Format\nclass Odd(Format):\n"
            "    def inspect(self, model):\n        return json.loads('{')\n"
            "    lower = quantize = weights = inspect",
            "format odd of odd-backend 1.0 raised JSONDecodeError: Expecting property name enclosed in "
            "double quotes: line 1 column 2 (char 1) (__init__.py, line 5)",
        ),
    ],
)
def test_a_format_that_lacks_something_is_named(tmp_path: Path, code: str, reason: str) -> None:
    folder, installed = _user(tmp_path, WHOLE + "BACKEND = Backend((form(),), (runtime(),))", code)
    (folder / "model.odd").write_bytes(b"odd")
    done = edgecnn(folder, [installed], "inspect", "model.odd")
    assert done.returncode == 2, done.stderr
    assert reason in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise ValueError('no chip')", "runtime odd-run of odd-backend 1.0 cannot be imported: no chip"),
        (
            "from edgecnn.backends.worker.runtime import Runtime\nclass OddRun(Runtime): pass",
            "runtime odd-run of odd-backend 1.0 has no method describe, open, run",
        ),
    ],
)
def test_a_runtime_that_lacks_something_is_named_by_its_worker(
    tmp_path: Path, code: str, reason: str
) -> None:
    folder, installed = _user(tmp_path, WHOLE + "BACKEND = Backend((form(),), (runtime(),))", code)
    (folder / "model.odd").write_bytes(b"odd")
    (folder / "open.py").write_text(
        "import sys; from pathlib import Path\n"
        "from edgecnn.core.errors import EdgecnnError\n"
        "from edgecnn.devices.local import LocalDevice\n"
        "try:\n    LocalDevice().open('odd-run', Path('model.odd'), log=Path('log'))\n"
        "except EdgecnnError as error:\n    sys.exit(f'{error.exit_code} {error.message}')\n"
    )
    said = python(folder, [installed], "open.py").stderr
    assert said.strip() == f"2 {reason}"


RUNS = """
from edgecnn.backends.worker.runtime import Description, Runtime
from edgecnn.ondevice.tensor import TensorInfo
import numpy as np

class OddRun(Runtime):
    @classmethod
    def open(cls, model, options): return cls()
    def run(self, inputs): return [inputs[0]]
    def describe(self):
        info = TensorInfo("x", (1, 2), "float32")
        return Description("odd-run", "1", "shipping", 1, (), (info,), (info,))
"""


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("return cls()", "raise OSError('no chip')", "open raised OSError: no chip (__init__.py, line 8)"),
        ("return cls()", "return None", "open returned a NoneType, not a Runtime"),
        (
            "return [inputs[0]]",
            "1 / 0",
            "run raised ZeroDivisionError: division by zero (__init__.py, line 9)",
        ),
        ("return [inputs[0]]", "raise SystemExit", "run ends the program"),
        ("return [inputs[0]]", "return 3", "run returned a int, not a list of arrays"),
        ("return [inputs[0]]", "return []", "run returned 0 arrays; describe names 1 outputs"),
        ("        info =", "        return 1\n        info =", "describe returned a int, not a Description"),
    ],
)
def test_a_runtime_that_fails_is_named_with_its_method(
    tmp_path: Path, old: str, new: str, reason: str
) -> None:
    code = RUNS.replace(old, new)
    folder, installed = _user(tmp_path, WHOLE + "BACKEND = Backend((form(),), (runtime(),))", code)
    (folder / "model.odd").write_bytes(b"odd")
    (folder / "go.py").write_text(
        "import sys; from pathlib import Path\nimport numpy as np\n"
        "from edgecnn.core.errors import EdgecnnError\n"
        "from edgecnn.devices.local import LocalDevice\n"
        "try:\n    with LocalDevice().open('odd-run', Path('model.odd'), log=Path('log')) as session:\n"
        "        session.run([np.zeros((1, 2), np.float32)])\n"
        "except EdgecnnError as error:\n    sys.exit(f'{error.exit_code} {error.hint} {error.message}')\n"
    )
    said = python(folder, [installed], "go.py").stderr
    assert said.strip() == f"4 None runtime odd-run of odd-backend 1.0 failed: {reason}"


def test_a_name_in_a_file_imports_nothing(tmp_path: Path) -> None:
    (tmp_path / "evil.py").write_text("open('executed', 'w').close()")
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "evil.yaml").write_text(TARGET.replace("odd-run", "evil:Runtime"))
    code, said = _export(tmp_path, tmp_path, "evil")
    assert code == 2
    assert "no format is called 'odd'" in said
    assert not (tmp_path / "executed").exists()


def test_targets_are_listed_although_a_package_is_broken_and_doctor_tells_of_it(tmp_path: Path) -> None:
    module, _ = BROKEN["raises on import"]
    installed = fake_distribution(tmp_path / "site", "odd-backend", GROUP, POINT, {"odd_backend.py": module})
    done = edgecnn(tmp_path, [installed], "targets", "--json")
    assert done.returncode == 0, done.stderr
    assert "onnx-int8" in {row["name"] for row in json.loads(done.stdout)["targets"]}
    doctor = edgecnn(tmp_path, [installed], "doctor", "--json")
    assert "backend 'odd' of odd-backend 1.0 cannot be used: the licence has expired" in doctor.stdout


CODE = """
from edgecnn.backends.format import Format
from edgecnn.backends.worker.runtime import Runtime

class Odd(Format):
    def lower(self, checkpoint, out): pass
    def quantize(self, model, out, request): pass
    def inspect(self, model): pass
    def weights(self, model): pass

class OddRun(Runtime):
    @classmethod
    def open(cls, model, options): pass
    def run(self, inputs): pass
    def describe(self): pass
"""


def _found_by_doctor(tmp_path: Path, code: str, kernels: str) -> list[tuple[str, bool, str]]:
    module = WHOLE + f"BACKEND = Backend((form(kernels={kernels}),), (runtime(),))"
    folder, installed = _user(tmp_path, module, code)
    done = edgecnn(folder, [installed], "doctor", "--json")
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["findings"]
    others = [row for row in rows if "odd" in row["found"] and not row["what"].startswith("target")]
    assert all(row["ok"] or row["remedy"] for row in others)
    return [(row["what"], row["ok"], row["found"]) for row in others]


def test_doctor_lists_a_backend_that_can_be_used(tmp_path: Path) -> None:
    assert _found_by_doctor(tmp_path, CODE, "KERNELS") == [
        ("format odd", True, "odd-backend 1.0"),
        ("runtime odd-run", True, "odd-backend 1.0"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "kernels", "problem"),
    [
        ("def weights", "def wieghts", "KERNELS", "format odd of odd-backend 1.0 has no method weights"),
        ("def run", "def runs", "KERNELS", "runtime odd-run of odd-backend 1.0 has no method run"),
        ("class OddRun", "class EvenRun", "KERNELS", "runtime odd-run of odd-backend 1.0 cannot be imported"),
        ("class OddRun", "raise SystemExit\nclass OddRun", "KERNELS", "it ends the program"),
        (
            "    def weights",
            "    def __init__(self): 1 / 0\n    def weights",
            "KERNELS",
            "format odd of odd-backend 1.0 cannot be used: division by zero",
        ),
        ("", "", "'odd_code:kernels'", "odd_code:kernels of odd-backend 1.0 cannot be imported"),
    ],
)
def test_doctor_names_the_method_that_a_class_lacks(
    tmp_path: Path, old: str, new: str, kernels: str, problem: str
) -> None:
    rows = _found_by_doctor(tmp_path, CODE.replace(old, new) if old else CODE, kernels)
    assert any(what == "backend" and not ok and problem in found for what, ok, found in rows), rows
