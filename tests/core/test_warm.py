from __future__ import annotations

import contextlib
import contextvars
import os
import random
import resource
import signal
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from edgecnn.core import named_code
from edgecnn.core.documents.arguments import arguments
from edgecnn.core.errors import EdgecnnError, WorkerError
from edgecnn.core.named_code import named_by_user
from edgecnn.core.process import call
from edgecnn.core.warm import end_torch_server, warm_processes
from tests.core.test_child import alive, wait_until_gone

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux forks children from a server")


@arguments
class Wanted:
    what: str = "facts"
    argument: str = ""


@arguments
class Facts:
    """What a child sees of itself: its module as a program, its server's id, and what it inherits."""

    program: str
    server: int
    variable: str
    folder: str
    libraries: list[str]
    numbers: list[float]


def facts(request: Wanted) -> Facts:
    """Run in the child: do as asked and say what it sees."""
    import numpy as np

    supervisor = Path(f"/proc/{os.getppid()}/stat").read_text()
    server = int(supervisor.rpartition(")")[2].split()[1])
    if request.what == "kill the server":
        os.kill(server, signal.SIGKILL)
    elif request.what == "crash":
        os.abort()
    elif request.what == "allocate":
        np.empty(4 << 30, np.uint8)
    elif request.what == "hang":
        Path(request.argument).write_text(f"{server} {os.getppid()} {os.getpid()}\n")
        time.sleep(600)
    elif request.what == "wait":
        deadline = time.monotonic() + 30
        while not Path(request.argument).exists() and time.monotonic() < deadline:
            time.sleep(0.02)
    return Facts(
        program=Path("/proc/self/cmdline").read_text().split("\0")[3],
        server=server,
        variable=os.environ.get("EDGECNN_TEST_VARIABLE", ""),
        folder=os.getcwd(),  # noqa: PTH109
        libraries=sorted({"torch", "torchvision", "timm"} & sys.modules.keys()),
        numbers=[random.random(), float(np.random.random())],  # noqa: S311, NPY002
    )


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let children import the tests; what other tests of this process have named is forgotten."""
    monkeypatch.setenv("PYTHONPATH", str(PROJECT))
    token = named_code._NAMED.set(frozenset())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    named_code._NAMED.reset(token)


def ask(folder: Path, what: str = "facts", argument: str = "", **options: Any) -> Facts:
    request = Wanted(what, argument)
    return call("tests.core.test_warm:facts", request, log=folder / "log", **options).read(Facts)


FORKED, STARTED = "edgecnn.core.fork_server", "edgecnn.core.process"


def test_children_of_a_block_come_from_one_process_that_ends_with_it(tmp_path: Path) -> None:
    with warm_processes():
        first = ask(tmp_path)
        with warm_processes():
            second = ask(tmp_path)
        third = ask(tmp_path)
        assert alive(first.server)
    assert (first.program, second.program, third.program) == (FORKED, FORKED, FORKED)
    assert first.server == second.server == third.server
    assert not alive(first.server)
    assert ask(tmp_path).program == STARTED


def test_the_server_with_pytorch_can_end_before_the_block(tmp_path: Path) -> None:
    end_torch_server()
    with warm_processes():
        light, first = ask(tmp_path), ask(tmp_path, torch=True)
        end_torch_server()
        end_torch_server()
        assert [alive(light.server), alive(first.server)] == [True, False]
        again = ask(tmp_path, torch=True)
        assert ask(tmp_path).server == light.server
    assert (again.program, again.server != first.server) == (FORKED, True)


def test_a_block_within_another_one_leaves_its_processes_running(tmp_path: Path) -> None:
    with warm_processes():
        first = ask(tmp_path, torch=True)
        with warm_processes():
            end_torch_server()
            assert ask(tmp_path, torch=True).server == first.server
        assert alive(first.server)
        end_torch_server()
        assert not alive(first.server)


def test_random_numbers_differ_between_children(tmp_path: Path) -> None:
    with warm_processes():
        one, other = ask(tmp_path), ask(tmp_path)
    assert one.server == other.server
    assert not set(one.numbers) & set(other.numbers)


def test_a_server_of_other_variables_or_another_folder_has_a_successor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with warm_processes():
        first = ask(tmp_path)
        monkeypatch.setenv("EDGECNN_TEST_VARIABLE", "set")
        second = ask(tmp_path)
        monkeypatch.chdir(tmp_path)
        third = ask(tmp_path)
        fourth = ask(tmp_path, environment={"EDGECNN_TEST_VARIABLE": "for one call"})
    assert (first.variable, second.variable, third.variable) == ("", "set", "set")
    assert (third.folder, fourth.variable) == (str(tmp_path), "for one call")
    assert (first.program, second.program, third.program, fourth.program) == (*[FORKED] * 3, STARTED)
    assert len({one.server for one in (first, second, third)}) == 3


def test_a_crash_costs_one_child(tmp_path: Path) -> None:
    with warm_processes():
        before = ask(tmp_path)
        with pytest.raises(WorkerError, match="crashed with SIGABRT"):
            ask(tmp_path, "crash")
        assert ask(tmp_path).server == before.server


def test_a_child_outlives_its_server_and_the_next_one_has_a_new_server(tmp_path: Path) -> None:
    with warm_processes():
        first = ask(tmp_path, "kill the server")
        assert not alive(first.server)
        second = ask(tmp_path)
    assert (first.program, second.program) == (FORKED, FORKED)
    assert second.server != first.server


def test_a_child_out_of_time_is_gone_when_the_call_returns(tmp_path: Path) -> None:
    with warm_processes():
        ask(tmp_path)
        with pytest.raises(WorkerError, match="did not finish in 3 s"):
            ask(tmp_path, "hang", str(tmp_path / "pids"), timeout_s=3)
        server, supervisor, child = map(int, (tmp_path / "pids").read_text().split())
        assert [alive(server), alive(child)] == [True, False]
        wait_until_gone([supervisor])


PARENT = """
import sys
from pathlib import Path
from edgecnn.core.warm import warm_processes
from tests.core.test_warm import ask
with warm_processes():
    ask(Path(sys.argv[1]), "hang", sys.argv[1] + "/pids")
"""


@pytest.mark.parametrize("victim", ["parent", "parent by SIGTERM", "supervisor of the child"])
def test_child_and_server_die_with_their_parent(tmp_path: Path, victim: str) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stderr=subprocess.DEVNULL)
    pids: list[int] = []
    deadline = time.monotonic() + 60
    while len(pids) < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
        with contextlib.suppress(FileNotFoundError):
            pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
    if victim == "supervisor of the child":
        os.kill(pids[1], signal.SIGKILL)
    else:
        parent.send_signal(signal.SIGTERM if victim == "parent by SIGTERM" else signal.SIGKILL)
    wait_until_gone([*pids, parent.pid])
    parent.wait(20)


def test_children_run_side_by_side(tmp_path: Path) -> None:
    """Each waits for a file that is written after the second one has started."""
    found: list[Facts] = []

    def work(name: str) -> None:
        (tmp_path / name).mkdir()
        found.append(ask(tmp_path / name, "wait", str(tmp_path / "go")))

    with warm_processes():
        contexts = [contextvars.copy_context() for _ in range(2)]
        threads = [
            threading.Thread(target=context.run, args=(work, name))
            for context, name in zip(contexts, "ab", strict=True)
        ]
        for thread in threads:
            thread.start()
        time.sleep(1)
        (tmp_path / "go").touch()
        for thread in threads:
            thread.join(30)
    assert [one.program for one in found] == [FORKED, FORKED]
    assert found[0].server == found[1].server


def test_under_a_limit_on_memory_children_are_started(tmp_path: Path) -> None:
    """The memory of a server's imports would count against the limit of each child."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with warm_processes():
        resource.setrlimit(resource.RLIMIT_AS, (1 << 40, hard))
        try:
            assert ask(tmp_path).program == STARTED
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        assert ask(tmp_path).program == FORKED


def test_a_limit_on_the_memory_of_a_child_is_its_own(tmp_path: Path) -> None:
    with warm_processes():
        with pytest.raises(EdgecnnError, match="memory"):
            ask(tmp_path, "allocate", memory_bytes=2 << 30)
        limited, free = ask(tmp_path, memory_bytes=2 << 30), ask(tmp_path, "allocate")
    assert (limited.program, free.program) == (FORKED, FORKED)
    assert limited.server == free.server


def test_libraries_are_there_before_the_fork_and_start_no_threads(tmp_path: Path) -> None:
    with warm_processes(["timm", "onnxruntime"]):
        heavy, light = ask(tmp_path, torch=True), ask(tmp_path)
    assert (heavy.program, heavy.libraries) == (FORKED, ["timm", "torch", "torchvision"])
    assert (light.program, light.libraries) == (FORKED, [])


THREAD = "import threading, time\nthreading.Thread(target=time.sleep, args=(600,), daemon=True).start()"


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (THREAD, "1 threads"),
        ("raise RuntimeError('damaged')", "timm cannot be imported: RuntimeError: damaged"),
        ("import os\nos.abort()", "has died"),
    ],
    ids=["thread", "error", "crash"],
)
def test_a_library_that_cannot_be_shared_is_told_once_and_children_are_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, reason: str
) -> None:
    (tmp_path / "timm.py").write_text(module)
    monkeypatch.setenv("PYTHONPATH", f"{PROJECT}{os.pathsep}{tmp_path}")
    with warm_processes(["timm"]):
        with pytest.warns(RuntimeWarning, match=f"imports its libraries for itself.*{reason}"):
            assert ask(tmp_path, torch=True).program == STARTED
        assert ask(tmp_path, torch=True).program == STARTED
        assert ask(tmp_path).program == FORKED


def test_beside_code_of_the_user_only_torch_is_imported(tmp_path: Path) -> None:
    """Which modules the code loads is found by comparing before and after."""
    with named_by_user("python:of.the:user"), warm_processes(["timm", "onnxruntime"]):
        found = ask(tmp_path, torch=True)
    assert (found.program, found.libraries) == (FORKED, ["torch"])
