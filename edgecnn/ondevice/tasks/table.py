"""Which module answers for a task. A package of another task than these has a table of its own."""

from __future__ import annotations

MODULES = {
    "classification": "edgecnn.ondevice.tasks.classification",
    "detection": "edgecnn.ondevice.tasks.detection",
}
