"""A wheel of one model in pure Python, so that one file serves 32 and 64 bit and every Python from 3.11.

It is written without a build backend: a wheel is a zip file with three text files (PyPA's binary distribution
format and core metadata 2.1), and this way its bytes depend only on its content.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from edgecnn.backends.registry import find_runtime
from edgecnn.ondevice.bundle import MANIFEST
from edgecnn.packaging.archive import write_zip
from edgecnn.packaging.executed import COMMON_REQUIREMENTS, record, wheel_files
from edgecnn.packaging.payload import CARD, LICENCE, SBOM, named, payload, seal
from edgecnn.packaging.sbom import sbom
from edgecnn.packaging.templating import render
from edgecnn.packaging.unpack import Member
from edgecnn.packaging.vendored_code import python_code

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from edgecnn.packaging.payload import Order

PLATFORM = "raspberry-pi"
REQUIRES_PYTHON = ">=3.11"


def write_wheel(order: Order, folder: Path, log: Path) -> Path:
    """Build the wheel of a model.

    Args:
        order: The wheel's order.
        folder: Output folder.
        log: File for the runtime's output while golden vectors are computed.

    Returns:
        The wheel.
    """
    module, info = order.name, f"{order.name}-{order.version}.dist-info"
    files = {**payload(order, log), **python_code(module, order.task), **_module(order)}
    files[SBOM] = _sbom(order, files[order.model])
    outer = named(info, _dist_info(order, files))
    members = {
        **named(module, files),
        **outer,
        f"{module}/{MANIFEST}": seal(order, PLATFORM, files, outer),
    }
    made = {name: Member(len(data), hashlib.sha256(data).hexdigest()) for name, data in members.items()}
    members[f"{info}/RECORD"] = record(made, f"{info}/RECORD")
    path = folder / f"{module}-{order.version}-py3-none-any.whl"
    write_zip(members, path, epoch=order.epoch)
    return path


def requirements(order: Order) -> tuple[str, ...]:
    """Return the wheel's dependencies as requirement specifiers with markers."""
    records = [find_runtime(name) for name in order.runtimes]
    return (*COMMON_REQUIREMENTS, *(need for record in records for need in record.ships.get(PLATFORM, ())))


def _module(order: Order) -> dict[str, bytes]:
    values = {"name": order.name, "version": order.version}
    texts = {file: render(file, **values) for file in ("__init__.py", "__main__.py", "api.py")}
    return {file: text.encode() for file, text in texts.items()} | {"py.typed": b""}


def _dist_info(order: Order, files: Mapping[str, bytes]) -> dict[str, bytes]:
    metadata = [
        "Metadata-Version: 2.1",
        f"Name: {order.name}",
        f"Version: {order.version}",
        f"Summary: What {order.name} sees in a photo: image {order.task.kind} with everything it needs",
        f"License: code {order.licences.code}; model {order.licences.model}",
        f"Requires-Python: {REQUIRES_PYTHON}",
        *(f"Requires-Dist: {requirement}" for requirement in requirements(order)),
        "Description-Content-Type: text/markdown",
        "",
        render("README.md", order=order),
    ]
    return {
        "METADATA": "\n".join(metadata).encode(),
        **wheel_files(order.name),
        LICENCE: files[LICENCE],
        CARD: files[CARD],
    }


def _sbom(order: Order, model: bytes) -> bytes:
    names = sorted({requirement.split(">")[0].split("<")[0] for requirement in requirements(order)})
    return sbom(
        order,
        purl=f"pkg:pypi/{order.name.replace('_', '-')}@{order.version}",
        model=model,
        dependencies=[(name, f"pkg:pypi/{name}") for name in names],
    )
