"""Record in each process of Python what its imports cost; `import_costs.py` puts this folder on PYTHONPATH.

A process that ends writes a JSON file into the folder that EDGECNN_IMPORTS_RECORD names. A forked process
counts only what it spends itself. Imports inside imports are counted once, with the outermost one.
"""

from __future__ import annotations

import atexit
import builtins
import functools
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable


class Record:
    """What this process has spent, in seconds of CPU time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.begin()
        self.is_forked = False

    def begin(self) -> None:
        """Begin anew, in a forked process."""
        self.is_forked = True
        self.began = time.process_time()
        self.imports = 0.0
        self.inside = self.written = False

    def timed(self, load: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function of imports that adds its time."""

        @functools.wraps(load)
        def wrapped(*arguments: Any, **options: Any) -> Any:
            if self.inside:
                return load(*arguments, **options)
            self.inside, began = True, time.process_time()
            try:
                return load(*arguments, **options)
            finally:
                self.imports += time.process_time() - began
                self.inside = False

        return wrapped

    def write(self) -> None:
        """Write the record, once."""
        if self.written:
            return
        self.written = True
        document = {
            "program": " ".join(sys.orig_argv[1:6]),
            "forked": self.is_forked,
            "log": Path("/proc/self/fd/2").readlink().name,
            "cpu_s": time.process_time() - self.began,
            "imports_s": self.imports,
            "modules": sorted({name.partition(".")[0] for name in sys.modules}),
        }
        draft = self.folder / f"{time.time_ns()}-{os.getpid()}"
        draft.write_text(json.dumps(document))
        draft.rename(draft.with_suffix(".json"))  # some processes are killed while they write

    def leave(self, code: int, end: Callable[[int], NoReturn] = os._exit) -> NoReturn:
        """Write the record and end the process."""
        self.write()
        end(code)


if "EDGECNN_IMPORTS_RECORD" in os.environ:
    _record = Record(Path(os.environ["EDGECNN_IMPORTS_RECORD"]))
    builtins.__import__ = _record.timed(builtins.__import__)
    importlib.import_module = _record.timed(importlib.import_module)
    os.register_at_fork(after_in_child=_record.begin)
    os._exit = _record.leave  # type: ignore[assignment]  # a child that was forked ends by it
    atexit.register(_record.write)
