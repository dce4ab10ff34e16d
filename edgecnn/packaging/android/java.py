"""The Java code of an Android library, compiled against the few methods of Android and LiteRT that it calls.

There is no ``android.jar`` here: stubs with the same signatures replace it during compilation and are not
part of the library.
"""

from __future__ import annotations

import shutil
import tempfile
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.errors import MissingDependency
from edgecnn.core.toolchains.program import run_program
from edgecnn.packaging.archive import write_zip

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from edgecnn.packaging.payload import Order

PACKAGE = "dev.edgecnn.ondevice"
_TIMEOUT_S = 300.0


def java_sources(package: str, name: str) -> dict[str, bytes]:
    """Return the sources of a library, Java and Kotlin, by path.

    Args:
        package: Its Java package, which replaces :data:`PACKAGE`.
        name: Folder of its assets.
    """
    folder = package.replace(".", "/")
    found = {}
    for item in resources.files("edgecnn.packaging.android").joinpath("java").iterdir():
        text = item.read_text(encoding="utf-8").replace(PACKAGE, package).replace("@NAME@", name)
        found[f"{folder}/{item.name}"] = text.encode()
    return found


def compile_classes(order: Order, log: Path) -> bytes:
    """Compile the Java code of a library and return ``classes.jar``.

    Raises:
        MissingDependency: There is no javac.
        WorkerError: It does not compile.
    """
    with tempfile.TemporaryDirectory(prefix="edgecnn-javac-") as scratch:
        root = Path(scratch)
        classes = compile_to(root, java_sources(order.java_package, order.name), log)
        inside = order.java_package.replace(".", "/")
        files = {
            path.relative_to(classes).as_posix(): path.read_bytes()
            for path in (classes / inside).rglob("*.class")
        }
        write_zip(files, root / "classes.jar", epoch=order.epoch)
        return (root / "classes.jar").read_bytes()


def compile_to(root: Path, sources: dict[str, bytes], log: Path) -> Path:
    """Compile sources below ``root`` and return the folder of classes, including those of the stubs.

    Raises:
        MissingDependency: There is no javac.
        WorkerError: They do not compile.
    """
    if shutil.which("javac") is None:
        raise MissingDependency("there is no program javac", hint="apt-get install openjdk-17-jdk-headless")
    stubs = resources.files("edgecnn.packaging.android").joinpath("stubs")
    files = {**_tree(stubs, ""), **sources}
    paths = []
    for name, data in sorted(files.items()):
        path = root / "sources" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        if name.endswith(".java"):
            paths.append(str(path))
    classes = root / "classes"
    # Every Android since 5 reads Java 8; -g:none leaves out paths and lines of this machine.
    options = ["--release", "8", "-Xlint:-options", "-g:none", "-encoding", "UTF-8", "-d", str(classes)]
    run_program(["javac", *options, *paths], what="javac", log=log, timeout_s=_TIMEOUT_S)
    return classes


def _tree(folder: Traversable, prefix: str) -> dict[str, bytes]:
    found = {}
    for item in folder.iterdir():
        if item.is_dir():
            found.update(_tree(item, f"{prefix}{item.name}/"))
        else:
            found[f"{prefix}{item.name}"] = item.read_bytes()
    return found
