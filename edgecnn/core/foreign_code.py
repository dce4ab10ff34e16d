"""What code of another package raised, in one line. Workers import this too."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path

from edgecnn.core.text import one_line


def end_of(error: BaseException) -> str:
    """Return what an exception of another package's code says, or that the code tried to end the program."""
    return "it ends the program" if isinstance(error, SystemExit) else one_line(error)


def described(error: BaseException, code: type) -> str:
    """Return an exception's type, its message and the line of another package's code that led to it.

    Args:
        error: The exception.
        code: A class of the package; lines of the files beside it and below are the package's own.
    """
    frames = traceback.extract_tb(error.__traceback__)
    module = sys.modules.get(code.__module__)
    folder = Path(getattr(module, "__file__", None) or os.devnull).parent
    own = [frame for frame in frames if Path(frame.filename).is_relative_to(folder)] or frames
    place = f" ({Path(own[-1].filename).name}, line {own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {end_of(error)}{place}"
