"""The program ``edgecnn``, also ``python -m edgecnn``: the command line, where Ctrl-C is no traceback."""

from __future__ import annotations

import signal
import sys

_INTERRUPTED = 130


def main() -> None:
    """Run the command line; Ctrl-C while it is imported, or when it ends, is one line too."""
    try:
        from edgecnn.ui.cli.main import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("stopped\n")
        sys.exit(_INTERRUPTED)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    main()
