"""The program ``edgecnn``, also ``python -m edgecnn``: the command line, where Ctrl-C is no traceback."""

from __future__ import annotations

import signal
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

_INTERRUPTED = 130
_SOON_S = 0.05


def main() -> None:
    """Run the command line; Ctrl-C while it is imported, or when it ends, is one line too."""
    sys.unraisablehook = _interrupt_again
    try:
        from edgecnn.ui.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        sys.exit(_INTERRUPTED)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _interrupt_again(unraisable: UnraisableHookArgs) -> None:
    """Interrupt the main thread again where Ctrl-C came while Python ran a finalizer.

    Python drops every exception of finalizers and of callbacks of weak references, such as those of the locks
    of imports, so that the interruption would be lost and the command would go on.
    """
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        later = threading.Timer(_SOON_S, _interrupt)  # here it would be dropped as well
        later.daemon = True
        later.start()
    else:
        sys.__unraisablehook__(unraisable)


def _interrupt() -> None:
    """Send the main thread a signal, which ends what it waits for as well."""
    if (ident := threading.main_thread().ident) is not None:
        signal.pthread_kill(ident, signal.SIGINT)


if __name__ == "__main__":
    main()
