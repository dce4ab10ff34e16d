"""Building of a platform's packages, with their self-tests."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from edgecnn.core.documents.package import PackagedFile, PackageResult
from edgecnn.core.errors import not_written
from edgecnn.core.files import require_plain_file
from edgecnn.core.own_place import require_nothing_else
from edgecnn.core.replace import put
from edgecnn.core.scratch import scratch_directory
from edgecnn.core.store.digest import digest_file
from edgecnn.packaging.android.check import check_library
from edgecnn.packaging.android.library import write_library
from edgecnn.packaging.contents import open_package
from edgecnn.packaging.raspberry_pi.bundle import write_bundle
from edgecnn.packaging.raspberry_pi.wheel import write_wheel
from edgecnn.packaging.sign import sign, signature_of
from edgecnn.packaging.verify import run_self_test

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from edgecnn.packaging.payload import Order


def build(order: Order, platform: str, out: Path, log: Path, *, key: Path | None = None) -> PackageResult:
    """Build the packages of an order for a platform.

    Files are built beside their destination, tested, signed, and only then moved there. Between the moves of
    a file and of its signature the file has none.

    Args:
        order: The packages' order.
        platform: ``raspberry-pi`` or ``android``.
        out: Output folder; packages of the same name are replaced.
        log: File for the output of runtimes and tools.
        key: Private key for signatures.

    Raises:
        InputError: The model cannot be packaged, or ``out`` cannot be written.
        MissingDependency: A tool that builds for the platform is not installed.
        VerificationFailed: The package does not compute what its model does.
    """
    with contextlib.ExitStack() as stack:
        try:
            out.mkdir(parents=True, exist_ok=True)
            folder = stack.enter_context(scratch_directory(out, ".package-"))
        except OSError as error:
            raise not_written(out, error) from error
        kept = replace(order, artifact=order.artifact.copy(folder / "artifact"))
        made = _BUILDERS[platform](kept, folder, log)
        unpacked = folder / "unpacked"
        unpacked.mkdir()
        tested = run_self_test(open_package(made[0], unpacked), log)
        signatures = [sign(path, key, log) for path in made if path.is_file()] if key is not None else []
        moved = [_move(path, out) for path in (*made, *signatures)]
    files = [path for path in moved if path.is_file()]
    return PackageResult(
        name=order.name,
        version=order.version,
        platform=platform,
        target=order.artifact.manifest.target.name,
        files=tuple(
            PackagedFile(path=path, bytes=path.stat().st_size, sha256=digest_file(path)) for path in files
        ),
        folders=tuple(path for path in moved if path.is_dir()),
        self_test=tested,
    )


def _raspberry_pi(order: Order, folder: Path, log: Path) -> tuple[Path, ...]:
    wheel = write_wheel(order, folder, log)
    return wheel, write_bundle(order, wheel, folder)


def _android(order: Order, folder: Path, log: Path) -> tuple[Path, ...]:
    made = write_library(order, folder, log)
    check_library(made[0], log)
    return made


_BUILDERS: dict[str, Callable[[Order, Path, Path], tuple[Path, ...]]] = {
    "raspberry-pi": _raspberry_pi,
    "android": _android,
}


def _move(path: Path, out: Path) -> Path:
    target = out / path.name
    if path.is_dir():
        require_nothing_else(target, path)
    else:
        require_plain_file(target)
    signature_of(target).unlink(missing_ok=True)  # an old one must not stay beside a new file
    put(path, target)
    return target
