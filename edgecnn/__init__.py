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
    "run": "edgecnn.ui.api.run",
    "search": "edgecnn.ui.api.search",
    "export": "edgecnn.ui.api.export",
    "evaluate": "edgecnn.ui.api.evaluate",
    "bench": "edgecnn.ui.api.bench",
    "check": "edgecnn.ui.api.check",
    "compare": "edgecnn.ui.api.compare",
    "matrix": "edgecnn.ui.api.matrix",
    "count": "edgecnn.ui.api.count",
    "accept_baseline": "edgecnn.ui.api.baseline",
    "review_baseline": "edgecnn.ui.api.baseline",
    "inspect": "edgecnn.ui.api.inspect",
    "advise": "edgecnn.ui.api.advise",
    "diagnose": "edgecnn.ui.api.diagnose",
    "package": "edgecnn.ui.api.package",
    "verify": "edgecnn.ui.api.package",
    "fetch": "edgecnn.ui.api.fetch",
    "doctor": "edgecnn.ui.api.doctor",
    "list_targets": "edgecnn.ui.api.catalog",
    "list_models": "edgecnn.ui.api.catalog",
    "list_toolchains": "edgecnn.ui.api.toolchain",
    "check_toolchain": "edgecnn.ui.api.toolchain",
    "install_toolchain": "edgecnn.ui.api.toolchain",
    "remove_toolchain": "edgecnn.ui.api.toolchain",
}


def __getattr__(name: str) -> Any:
    """Import a verb on its first use, so that ``import edgecnn`` stays light."""
    if name not in _VERBS:
        raise AttributeError(f"module 'edgecnn' has no attribute {name!r}")
    return getattr(importlib.import_module(_VERBS[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_VERBS])
