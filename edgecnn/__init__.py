"""edgecnn: from a CNN in PyTorch to a package that is proven to work on the device.

The verbs of the command line as functions, imported when they are first used:

>>> import edgecnn
>>> "run" in dir(edgecnn)
True
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_VERBS = {
    "run": "edgecnn.api.run",
    "search": "edgecnn.api.search",
    "export": "edgecnn.api.export",
    "evaluate": "edgecnn.api.evaluate",
    "bench": "edgecnn.api.bench",
    "check": "edgecnn.api.check",
    "compare": "edgecnn.api.compare",
    "matrix": "edgecnn.api.matrix",
    "count": "edgecnn.api.count",
    "accept_baseline": "edgecnn.api.baseline",
    "inspect": "edgecnn.api.inspect",
    "advise": "edgecnn.api.advise",
    "diagnose": "edgecnn.api.diagnose",
    "package": "edgecnn.api.package",
    "verify": "edgecnn.api.package",
    "fetch": "edgecnn.api.fetch",
    "doctor": "edgecnn.api.doctor",
    "list_targets": "edgecnn.api.catalog",
    "list_models": "edgecnn.api.catalog",
    "list_toolchains": "edgecnn.api.toolchain",
    "check_toolchain": "edgecnn.api.toolchain",
    "install_toolchain": "edgecnn.api.toolchain",
    "remove_toolchain": "edgecnn.api.toolchain",
}


def __getattr__(name: str) -> Any:
    """Import a verb on its first use, so that ``import edgecnn`` stays light."""
    if name not in _VERBS:
        raise AttributeError(f"module 'edgecnn' has no attribute {name!r}")
    return getattr(importlib.import_module(_VERBS[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_VERBS])
