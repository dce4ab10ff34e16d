"""Programs that we start: they end with us, and nothing that they started stays."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgecnn.core.child import Child, run

PROJECT = Path(__file__).parents[2]
_STARTERS = {
    "subprocess": {"Popen", "run", "call", "check_call", "check_output", "getoutput", "getstatusoutput"},
    "os": {"fork", "forkpty", "system", "popen", "posix_spawn", "posix_spawnp", "startfile"},
    "asyncio": {"create_subprocess_exec", "create_subprocess_shell"},
}
_OWNERS = {"core/child.py", "core/fork_server.py", "core/supervisor.py"}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a program with its parent")


def alive(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def wait_until_gone(pids: list[int], seconds: float = 20.0) -> None:
    deadline = time.monotonic() + seconds
    while any(map(alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not [pid for pid in pids if alive(pid)], "a process outlived its parent"


def read_pids(file: Path, seconds: float = 20.0) -> list[int]:
    deadline = time.monotonic() + seconds
    while not (file.is_file() and file.read_text().endswith("\n")) and time.monotonic() < deadline:
        time.sleep(0.02)
    return [int(word) for word in file.read_text().split()]


def family(file: Path) -> list[str]:
    """Return a program that starts another one, writes both numbers to a file, and waits."""
    return ["sh", "-c", f"sleep 600 & echo $$ $! > {file}.new; mv {file}.new {file}; sleep 600"]


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 3", 3), ("kill -SEGV $$", -11), ("kill -KILL $$", -9)]
)
def test_a_program_ends_with_its_own_code_or_signal(script: str, code: int) -> None:
    done = run(["sh", "-c", f"echo out; echo err >&2; {script}"], stdout=-1, stderr=-1, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (code, b"out\n", b"err\n")


def test_a_program_gets_its_input_its_variables_and_its_folder(tmp_path: Path) -> None:
    with Child(
        ["sh", "-c", "cat; pwd; env"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "ONLY": "this"},
        cwd=tmp_path,
    ) as child:
        out, _ = child.communicate(b"given\n", timeout=20)
    lines = out.decode().splitlines()
    assert lines[:2] == ["given", str(tmp_path)]
    names = {line.partition("=")[0] for line in lines[2:]} - {"PWD", "SHLVL", "_", "OLDPWD"}
    assert names == {"PATH", "ONLY"}, "a variable was added"


def test_a_missing_program_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="there is no program no-such-program"):
        run(["no-such-program"], timeout=5)


def test_a_program_out_of_time_is_killed_with_what_it_started(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run(family(tmp_path / "pids"), timeout=1.0)
    wait_until_gone(read_pids(tmp_path / "pids"))


def test_what_a_finished_program_leaves_running_is_killed(tmp_path: Path) -> None:
    run(["sh", "-c", f"sleep 600 & echo $! > {tmp_path / 'pids'}"], timeout=20)
    wait_until_gone(read_pids(tmp_path / "pids"))


PARENT = """
import os, sys
from pathlib import Path
from edgecnn.core.child import Child
child = Child(sys.argv[2:])
Path(sys.argv[1]).write_text(f"{child.pid}\\n")
child.wait()
"""


@pytest.mark.parametrize("victim", ["parent", "parent by SIGTERM", "supervisor", "stopped supervisor"])
def test_a_program_dies_with_its_parent_however_that_ends(tmp_path: Path, victim: str) -> None:
    command = family(tmp_path / "pids") if victim != "supervisor" else ["sleep", "600"]
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path / "supervisor"), *command],
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    (supervisor,) = read_pids(tmp_path / "supervisor")
    if victim == "supervisor":
        time.sleep(0.3)
        pids = children(supervisor)
        os.kill(supervisor, signal.SIGKILL)
    else:
        pids = read_pids(tmp_path / "pids")
        if victim == "stopped supervisor":
            os.kill(supervisor, signal.SIGSTOP)
            parent.kill()
            os.kill(supervisor, signal.SIGCONT)
        parent.send_signal(signal.SIGTERM if victim == "parent by SIGTERM" else signal.SIGKILL)
    wait_until_gone([*pids, supervisor])
    parent.wait(20)


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_a_parent_that_dies_at_once_leaves_nothing(tmp_path: Path) -> None:
    for delay in (0.0, 0.005, 0.02, 0.05):
        parent = subprocess.Popen(
            [sys.executable, "-c", PARENT, str(tmp_path / f"pid{delay}"), "sleep", "601"],
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
        )
        (supervisor,) = read_pids(tmp_path / f"pid{delay}")
        time.sleep(delay)
        parent.kill()
        parent.wait()
        wait_until_gone([supervisor])
    commands = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if readable(path)]
    assert b"sleep\x00601\x00" not in commands


def readable(path: Path) -> bool:
    try:
        path.read_bytes()
    except OSError:
        return False
    return True


def test_nobody_else_starts_a_process() -> None:
    found = []
    package = PROJECT / "edgecnn"
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).as_posix()
        if name in _OWNERS:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found += [f"{name}:{line}" for line in starts(tree)]
    assert not found, f"use edgecnn.core.child: {found}"


def starts(tree: ast.AST) -> list[int]:
    """Return the lines of a module that start a process in any way, or import what does."""
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module, name = node.value.id, node.attr
            if name in _STARTERS.get(module, ()) or (module == "os" and name.startswith(("exec", "spawn"))):
                lines.append(node.lineno)
        elif isinstance(node, ast.ImportFrom) and node.module in _STARTERS:
            taken = {alias.name for alias in node.names}
            if taken & _STARTERS[node.module] or any(name.startswith(("exec", "spawn")) for name in taken):
                lines.append(node.lineno)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            if any(name.partition(".")[0] in {"multiprocessing", "pty"} for name in names):
                lines.append(node.lineno)
    return lines


@pytest.mark.parametrize(
    "line",
    [
        "subprocess.run(['x'])",
        "from subprocess import Popen",
        "os.fork()",
        "os.execvp('x', [])",
        "import multiprocessing",
        "from multiprocessing.pool import Pool",
        "asyncio.create_subprocess_exec('x')",
    ],
)
def test_every_way_of_starting_a_process_is_seen(line: str) -> None:
    assert starts(ast.parse(line)) == [1]
