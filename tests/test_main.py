"""The program: Ctrl-C ends it, wherever it comes."""

from __future__ import annotations

import subprocess
import sys

FINALIZER = """
import sys, time
import edgecnn.__main__ as program
import edgecnn.ui.cli.main as command_line

class Finalized:
    def __del__(self):
        raise {error}

def run():
    made = Finalized()
    del made
    time.sleep({seconds})
    print("went on")

command_line.main = run
program.main()
"""


def run(error: str, seconds: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", FINALIZER.format(error=error, seconds=seconds)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_an_interruption_of_a_finalizer_ends_what_the_program_waits_for() -> None:
    ran = run("KeyboardInterrupt", seconds=600.0)  # longer than the limit of the test's process
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "stopped\n")


def test_another_error_of_a_finalizer_is_shown_and_ends_nothing() -> None:
    ran = run("ValueError('lost')", seconds=0.1)
    assert (ran.returncode, ran.stdout) == (0, "went on\n")
    assert "ValueError: lost" in ran.stderr
