from __future__ import annotations

import _thread
import contextlib
import errno
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgecnn.core.documents.arguments import arguments
from edgecnn.core.errors import InputError, MachineFault, MissingDependency, VerificationFailed
from edgecnn.core.process import call
from edgecnn.core.store.store import Store
from edgecnn.core.warm import warm_processes
from edgecnn.pipeline.gates import Gate
from edgecnn.pipeline.reporter import SilentReporter
from edgecnn.pipeline.runner import execute
from edgecnn.pipeline.stages.base import Context, Inputs, Stage
from edgecnn.pipeline.step import AnyStep, Status, Step, StepResult
from tests.support.tiny_run import link
from tests.support.tiny_steps import write_links


@dataclass(frozen=True)
class Text:
    text: str


def write(inputs: Inputs, parameters: Text, context: Context) -> None:
    read = "".join((path / "out").read_text() for _, path in sorted(inputs.items()))
    (context.out / "out").write_text(read + parameters.text)
    context.notes["seconds"] = 1.0


def constant(inputs: Inputs, parameters: Text, context: Context) -> None:
    (context.out / "out").write_text("same")


def refuse(inputs: Inputs, parameters: Text, context: Context) -> None:
    raise InputError(f"cannot use {parameters.text}")


def break_link(inputs: Inputs, parameters: Text, context: Context) -> None:
    write_links(context.out, link(3.0))


def fill_disk(inputs: Inputs, parameters: Text, context: Context) -> None:
    raise OSError(errno.ENOSPC, "No space left on device", str(context.out))


@arguments
class Checked:
    text: str


def write_to_a_full_disk(argument: Checked) -> str:
    """Fail as a write to a full disk does."""
    raise OSError(errno.ENOSPC, "No space left on device", argument.text)


def fill_disk_in_a_child(inputs: Inputs, parameters: Text, context: Context) -> None:
    call("tests.pipeline.test_runner:write_to_a_full_disk", Checked(str(context.out)), log=context.log)


def server(argument: Checked) -> str:
    """Return the number of the process that this child's supervisor was forked from."""
    status = Path("/proc", str(os.getppid()), "status").read_text()
    return next(line.split()[1] for line in status.splitlines() if line.startswith("PPid:"))


Fill = Callable[[Inputs, Text, Context], None]
SLEEP_S = 120.0


def sleep_long(argument: Checked) -> None:
    """Write the number of this process to the file that the argument names, and sleep."""
    Path(argument.text).write_text(str(os.getpid()))
    time.sleep(SLEEP_S)


WRITE = Stage("write", 1, write)
CONSTANT = Stage("constant", 1, constant)


def plan(first: str = "a", second: str = "b") -> list[AnyStep]:
    return [
        Step("one", WRITE, Text(first)),
        Step("two", WRITE, Text(second), {"before": "one"}),
        Step("three", WRITE, Text("c"), {"before": "two"}, target="t"),
    ]


def run(steps: Sequence[AnyStep], folder: Path) -> dict[str, StepResult]:
    return execute(steps, Store(folder / "store"), SilentReporter(), folder / "logs")


def statuses(results: dict[str, StepResult]) -> list[str]:
    return [result.status.value for result in results.values()]


def output(result: StepResult) -> str:
    assert result.entry is not None
    return (result.entry.outputs / "out").read_text()


def test_steps_read_those_before_and_a_second_run_reuses_all(tmp_path: Path) -> None:
    results = run(plan(), tmp_path)
    assert statuses(results) == ["made"] * 3
    assert output(results["three"]) == "abc"
    assert statuses(run(plan(), tmp_path)) == ["reused"] * 3


def test_a_changed_parameter_redoes_that_step_and_what_reads_it(tmp_path: Path) -> None:
    run(plan(), tmp_path)
    assert statuses(run(plan(second="x"), tmp_path)) == ["reused", "made", "made"]


def test_a_redone_step_with_the_same_result_changes_nothing_after_it(tmp_path: Path) -> None:
    def steps(text: str) -> list[AnyStep]:
        return [Step("one", CONSTANT, Text(text)), Step("two", WRITE, Text("b"), {"before": "one"})]

    run(steps("a"), tmp_path)
    assert statuses(run(steps("other"), tmp_path)) == ["made", "reused"]


def test_another_version_of_a_stage_is_another_key(tmp_path: Path) -> None:
    run([Step("one", WRITE, Text("a"))], tmp_path)
    assert statuses(run([Step("one", Stage("write", 2, write), Text("a"))], tmp_path)) == ["made"]


def test_what_needs_a_failed_step_is_skipped_and_the_rest_goes_on(tmp_path: Path) -> None:
    steps = [
        Step("bad", Stage("refuse", 1, refuse), Text("this")),
        Step("after", WRITE, Text("x"), {"before": "bad"}),
        Step("later", WRITE, Text("y"), after=("after",)),
        Step("other", WRITE, Text("z")),
    ]
    results = run(steps, tmp_path)
    assert statuses(results) == ["failed", "skipped", "skipped", "made"]
    assert str(results["bad"].error) == "cannot use this"


def test_a_gate_holds_back_what_follows_but_keeps_the_work(tmp_path: Path) -> None:
    verify = Stage("verify", 1, break_link)
    steps: list[AnyStep] = [
        Step("one", verify, Text("a"), gate=Gate.LINKS),
        Step("two", WRITE, Text("b"), after=("one",)),
    ]
    results = run(steps, tmp_path)
    assert statuses(results) == ["failed", "skipped"]
    assert isinstance(results["one"].error, VerificationFailed)
    assert results["one"].entry is not None
    assert statuses(run([Step("one", verify, Text("a"))], tmp_path)) == ["reused"]
    assert statuses(run(steps, tmp_path)) == ["failed", "skipped"], "a reused result passes its gate"


@pytest.mark.parametrize("fill", [fill_disk, fill_disk_in_a_child])
def test_a_full_disk_ends_the_run_with_one_line_that_names_the_place(fill: Fill, tmp_path: Path) -> None:
    steps: list[AnyStep] = [
        Step("one", Stage("fill", 1, fill), Text("a")),
        Step("other", WRITE, Text("z")),
    ]
    with pytest.raises(MachineFault, match=r"out.*: the disk is full") as caught:
        run(steps, tmp_path)
    assert caught.value.hint is not None
    assert "free space" in caught.value.hint


def test_a_missing_package_is_named_with_its_command(tmp_path: Path) -> None:
    results = run([Step("one", Stage("write", 1, write, ("no-such-package",)), Text("a"))], tmp_path)
    error = results["one"].error
    assert isinstance(error, MissingDependency)
    assert "no-such-package" in error.message
    assert error.exit_code == 5


def test_a_bug_is_not_swallowed(tmp_path: Path) -> None:
    def broken(inputs: Inputs, parameters: Text, context: Context) -> None:
        raise KeyError("bug")

    with pytest.raises(KeyError):
        run([Step("one", Stage("broken", 1, broken), Text("a"))], tmp_path)


def test_an_interrupted_stage_finds_its_scratch_again(tmp_path: Path) -> None:
    def train(inputs: Inputs, parameters: Text, context: Context) -> None:
        state = context.scratch / "epoch"
        epoch = int(state.read_text()) if state.exists() else 0
        for number in range(epoch, 3):
            state.write_text(str(number + 1))
            if number == 1 and epoch == 0:
                raise KeyboardInterrupt
        (context.out / "out").write_text(f"started at {epoch}")

    steps = [Step("one", Stage("train", 1, train), Text("a"))]
    with pytest.raises(KeyboardInterrupt):
        run(steps, tmp_path)
    results = run(steps, tmp_path)
    assert results["one"].status is Status.MADE
    assert output(results["one"]) == "started at 2"


def test_steps_that_are_found_out_later_are_executed_before_those_ahead(tmp_path: Path) -> None:
    steps = [*plan(), Step("four", WRITE, Text("d"))]
    extra = Step("extra", WRITE, Text("e"), {"before": "two"})

    def more(results: Mapping[str, StepResult]) -> list[AnyStep]:
        return [extra] if list(results) == ["one", "two"] else []

    results = execute(steps, Store(tmp_path / "store"), SilentReporter(), tmp_path / "logs", more=more)
    assert list(results) == ["one", "two", "extra", "three", "four"]
    assert output(results["extra"]) == "abe"


@pytest.mark.parametrize("jobs", [1, 2])
def test_independent_steps_run_side_by_side_but_those_that_time_or_train_alone(
    tmp_path: Path, jobs: int
) -> None:
    running: set[str] = set()
    beside: set[frozenset[str]] = set()
    lock = threading.Lock()

    def work(inputs: Inputs, parameters: Text, context: Context) -> None:
        with lock:
            running.add(parameters.text)
            beside.add(frozenset(running))
        time.sleep(0.1)
        with lock:
            running.remove(parameters.text)
        write(inputs, parameters, context)

    plain, timed = Stage("plain", 1, work), Stage("timed", 1, work, times=True)
    trained = Stage("trained", 1, work, trains=True)
    steps: list[AnyStep] = [
        Step("a", plain, Text("a")),
        Step("b", plain, Text("b")),
        Step("t", timed, Text("t"), {"before": "a"}, target="one"),
        Step("c", plain, Text("c"), {"before": "b"}, target="two"),
        Step("u", timed, Text("u"), {"before": "c"}, target="two"),
        Step("d", trained, Text("d")),
    ]
    logs = tmp_path / "logs"
    results = execute(steps, Store(tmp_path / "store"), SilentReporter(), logs, jobs=jobs)
    assert {name: output(result) for name, result in results.items()} == {
        "a": "a",
        "b": "b",
        "t": "at",
        "c": "bc",
        "u": "bcu",
        "d": "d",
    }
    assert (frozenset("ab") in beside) is (jobs == 2)
    assert all(len(names) == 1 for names in beside if names & set("tud")), "nothing else may run then"
    assert list(results).index("t") < list(results).index("c"), "the first target is finished first"
    assert jobs == 2 or list(results) == ["a", "b", "t", "c", "u", "d"]


def test_a_step_that_fails_beside_another_one_skips_only_what_needs_it(tmp_path: Path) -> None:
    steps = [
        Step("bad", Stage("refuse", 1, refuse), Text("this")),
        Step("good", WRITE, Text("z")),
        Step("after", WRITE, Text("x"), {"before": "bad"}),
        Step("more", WRITE, Text("y"), {"before": "good"}),
    ]
    results = execute(steps, Store(tmp_path / "store"), SilentReporter(), tmp_path / "logs", jobs=3)
    found = {name: result.status.value for name, result in results.items()}
    assert found == {"bad": "failed", "good": "made", "after": "skipped", "more": "made"}


@pytest.mark.parametrize("warm", [False, True])
def test_an_interruption_ends_the_children_of_all_steps(tmp_path: Path, warm: bool) -> None:
    children = [tmp_path / "left", tmp_path / "right"]

    def sleep(inputs: Inputs, parameters: Text, context: Context) -> None:
        call("tests.pipeline.test_runner:sleep_long", Checked(parameters.text), log=context.log)

    def interrupt(inputs: Inputs, parameters: Text, context: Context) -> None:
        while not all(file.is_file() and file.read_text() for file in children):
            time.sleep(0.02)
        _thread.interrupt_main()

    sleeping = Stage("sleep", 1, sleep)
    steps: list[AnyStep] = [Step(file.name, sleeping, Text(str(file))) for file in children]
    steps.append(Step("stop", Stage("interrupt", 1, interrupt), Text("now")))
    started = time.monotonic()
    with warm_processes() if warm else contextlib.nullcontext(), pytest.raises(KeyboardInterrupt):
        execute(steps, Store(tmp_path / "store"), SilentReporter(), tmp_path / "logs", jobs=3)
    assert time.monotonic() - started < SLEEP_S / 2
    for file in children:
        assert not Path("/proc", file.read_text()).exists()
    assert len(list((tmp_path / "store" / "stages").iterdir())) == 1, "only the last step was finished"


@pytest.mark.parametrize("last", [True, False])
def test_the_process_with_pytorch_ends_before_the_first_step_after_those_that_need_it(
    tmp_path: Path, last: bool
) -> None:
    found: list[bool] = []

    def with_torch(inputs: Inputs, parameters: Text, context: Context) -> None:
        argument = Checked(parameters.text)
        child = call("tests.pipeline.test_runner:server", argument, log=context.log, torch=True)
        (context.out / "out").write_text(child.read(str))

    def without(inputs: Inputs, parameters: Text, context: Context) -> None:
        (server,) = {(path / "out").read_text() for path in inputs.values()}
        found.append(Path("/proc", server).exists())
        (context.out / "out").touch()

    heavy = Stage("heavy", 1, with_torch, forks_torch=True)
    steps: list[AnyStep] = [
        Step("one", heavy, Text("a")),
        Step("two", heavy, Text("b")),
        Step("three", Stage("light", 1, without), Text("c"), {"one": "one", "two": "two"}),
    ]
    with warm_processes():
        more = (lambda _: list[AnyStep]()) if last else None
        results = execute(steps, Store(tmp_path / "store"), SilentReporter(), tmp_path / "logs", more=more)
    assert [result.error for result in results.values()] == [None] * 3
    assert found == [not last]


def test_a_step_that_was_made_while_a_variable_changed_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The variable stands for everything that is in a key besides inputs, such as versions."""

    def change(inputs: Inputs, parameters: Text, context: Context) -> None:
        constant(inputs, parameters, context)
        monkeypatch.setenv("ATEN_CPU_CAPABILITY", "default")

    monkeypatch.delenv("ATEN_CPU_CAPABILITY", raising=False)
    results = run([Step("one", Stage("changing", 1, change), Text("a"))], tmp_path)
    assert results["one"].status is Status.FAILED
    assert "one was made while a package that it uses" in str(results["one"].error)
    assert not list((tmp_path / "store" / "stages").iterdir())
