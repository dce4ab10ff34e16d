"""The modules of the built-in tasks; a package of another task has a table of its own."""

from __future__ import annotations

MODULES = {
    "classification": "edgecnn.ondevice.tasks.classification",
    "detection": "edgecnn.ondevice.tasks.detection",
}
