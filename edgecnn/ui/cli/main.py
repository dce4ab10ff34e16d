"""The entry point of the command line: its verbs and the form of its errors."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import edgecnn
from edgecnn.core.errors import EdgecnnError, machine_fault
from edgecnn.core.scratch import own_temporary_files
from edgecnn.ui.cli import (
    advise,
    baseline,
    bench,
    catalog,
    check,
    compare,
    count,
    diagnose,
    doctor,
    evaluate,
    export,
    fetch,
    inspect,
    matrix,
    package,
    run,
    search,
    toolchain,
)
from edgecnn.ui.cli.failure import fail
from edgecnn.ui.cli.verbs import LazyGroup

INTERRUPTED = 130

_MODULES = (
    run,
    search,
    export,
    evaluate,
    bench,
    check,
    count,
    compare,
    matrix,
    baseline,
    inspect,
    advise,
    diagnose,
    package,
    catalog,
    doctor,
    fetch,
    toolchain,
)


class _Verbs(LazyGroup):
    """The verbs, in the order in which the help lists them."""

    verbs = typer.Typer(rich_markup_mode=None)


for module in _MODULES:
    module.register(_Verbs.verbs)

app = typer.Typer(
    name="edgecnn",
    cls=_Verbs,
    help="From a CNN in PyTorch to a package that is proven to work on the device.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with `edgecnn run quickstart`, or "
    "`edgecnn export zoo:efficientnet-lite0 --target tflite-int8 --calibration photos/`.",
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(edgecnn.__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Define the options of every verb, which are read before the verb runs."""
    del version, debug


def _app() -> None:
    """Run a verb; a full disk or a folder without permission is a fault of the machine wherever it is met."""
    try:
        app()
    except OSError as error:
        raise machine_fault(error) from error


def main() -> None:
    """Run the command line: errors become one line, a hint and an exit code."""
    try:
        with own_temporary_files():
            _app()
    except EdgecnnError as error:
        if "--debug" in sys.argv:
            raise
        sys.exit(fail(error, as_json="--json" in sys.argv))
    except SystemExit as end:
        if end.code == INTERRUPTED:  # typer's exit code for Ctrl-C
            sys.stderr.write("stopped; what is finished is kept, run the same command again to go on\n")
        raise


if __name__ == "__main__":
    main()
