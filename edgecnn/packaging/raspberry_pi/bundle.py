"""A bundle of the wheel, an installer that respects PEP 668, and a systemd unit for the service."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from edgecnn.packaging.archive import write_tar_gz
from edgecnn.packaging.executed import INSTALLER, bundle_files
from edgecnn.packaging.payload import named
from edgecnn.packaging.templating import render

if TYPE_CHECKING:
    from pathlib import Path

    from edgecnn.packaging.payload import Order

SUMS = "SHA256SUMS"


def write_bundle(order: Order, wheel: Path, folder: Path) -> Path:
    """Build the bundle of a wheel.

    Args:
        order: The wheel's order.
        wheel: The wheel.
        folder: Output folder.

    Returns:
        The bundle, a ``.tar.gz``.
    """
    root = f"{order.name}-{order.version}"
    files = bundle_files(order.name, order.version, order.model, wheel.name)
    files |= {"README.md": render("README.md", order=order).encode(), wheel.name: wheel.read_bytes()}
    files[SUMS] = "".join(
        f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files)
    ).encode()
    path = folder / f"{root}-raspberry-pi.tar.gz"
    write_tar_gz(named(root, files), path, epoch=order.epoch, programs=frozenset({f"{root}/{INSTALLER}"}))
    return path
