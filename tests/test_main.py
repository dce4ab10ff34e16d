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
    for _ in range(300):
        time.sleep(0.01)
    print("went on")

command_line.main = run
program.main()
"""


def run(error: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", FINALIZER.format(error=error)],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_an_interruption_of_a_finalizer_is_not_lost() -> None:
    ran = run("KeyboardInterrupt")
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, "", "stopped\n")


def test_another_error_of_a_finalizer_is_shown_and_ends_nothing() -> None:
    ran = run("ValueError('lost')")
    assert (ran.returncode, ran.stdout) == (0, "went on\n")
    assert "ValueError: lost" in ran.stderr
