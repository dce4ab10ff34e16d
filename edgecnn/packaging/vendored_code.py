"""The code that goes into packages: ``edgecnn.ondevice`` under another name, otherwise as it is."""

from __future__ import annotations

from importlib import resources

_PACKAGE = "edgecnn.ondevice"


def python_code(module: str) -> dict[str, bytes]:
    """Return the on-device code as the subpackage ``ondevice`` of a module.

    Only the module's name in the imports changes: what training and evaluation executed is what ships.

    Args:
        module: Name of the package's module.

    Returns:
        Files by path from the module's folder.
    """
    found = {}
    for item in resources.files(_PACKAGE).iterdir():
        if item.name.endswith(".py"):
            text = item.read_text(encoding="utf-8").replace(_PACKAGE, f"{module}.ondevice")
            found[f"ondevice/{item.name}"] = text.encode()
    return found
