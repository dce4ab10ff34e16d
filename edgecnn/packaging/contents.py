"""The contents of an untrusted package: unpacked, compared with its own manifest, and nothing beyond.

The manifest vouches for the files, and nothing vouches for the manifest unless the package is signed. So only
files of the kinds that `edgecnn package` writes are accepted: an installer would execute or install others
(``.pth`` files, ``data`` folders, native libraries, lint rules of Android) without anybody's request.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError, UsageError, VerificationFailed, hinting
from edgecnn.core.text import one_line
from edgecnn.ondevice.bundle import MANIFEST, PackageManifest, read_file
from edgecnn.ondevice.failure import DamagedPackage
from edgecnn.packaging import untrusted
from edgecnn.packaging.executed import (
    AAR_METADATA,
    bundle_files,
    check_files,
    check_metadata,
    check_wheel_file,
    library_files,
    library_package,
    record,
    wheel_files,
)
from edgecnn.packaging.naming import module_name, package_version
from edgecnn.packaging.unpack import unpack

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from edgecnn.packaging.unpack import Member

_WHAT_TO_GIVE = "give a .whl, .tar.gz or .aar file that `edgecnn package` wrote"
_WHEELS, _BUNDLES, _AARS = (".whl",), (".tar.gz",), (".aar",)
_SUMS = "SHA256SUMS"
_DIST_INFO = frozenset(
    {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "top_level.txt", "LICENSE", "MODEL_CARD.md"}
)
_LIBRARY = frozenset({"AndroidManifest.xml", "classes.jar", "R.txt", "proguard.txt", "LICENSE"})
_MAX_CLASSES = 8 << 20
"""Largest size of an Android library's classes, in bytes; edgecnn's have about 60 kB."""

_COMPILED = frozenset({".so", ".pyd", ".dll", ".dylib", ".pyc", ".pyo", ".pth", ".exe"})


@dataclass(frozen=True)
class Package:
    """A package whose files match its manifest.

    Attributes:
        path: The archive.
        root: Folder with its unpacked files.
        folder: Folder of the manifest below the root.
        manifest: The manifest.
        members: All files by their path below the root.
    """

    path: Path
    root: Path
    folder: str
    manifest: PackageManifest
    members: Mapping[str, Member]

    @property
    def data(self) -> Path:
        """Return the folder of the manifest, the model and the golden vectors."""
        return self.root / self.folder

    @property
    def has_python(self) -> bool:
        """Return whether the package holds Python code with a self-test of its own."""
        return not self.path.name.endswith(_AARS)


def open_package(path: Path, scratch: Path, *, copy: Path | None = None) -> Package:
    """Unpack a package and compare every file with its manifest; nothing of it is executed.

    Args:
        path: A ``.whl``, a ``.tar.gz`` around one, or an ``.aar``.
        scratch: Existing folder for the unpacked files.
        copy: A copy of the package, whose signature is valid, that is read in its place. The signature then
            vouches for files that installers execute, which otherwise have to be what edgecnn writes.

    Raises:
        InputError: The file has another type, or cannot be read.
        VerificationFailed: A file was changed, is missing or was added; the message names it.
    """
    if not path.name.endswith((*_WHEELS, *_BUNDLES, *_AARS)):
        raise InputError(f"{path} is no package", hint=_WHAT_TO_GIVE)
    root = scratch / "package"
    try:
        with hinting(_WHAT_TO_GIVE):
            if path.name.endswith(_BUNDLES):
                members = unpack(copy or path, scratch / "bundle")
                return _inner_package(path, members, scratch, signed=copy is not None)
            return _checked(path, root, unpack(copy or path, root), signed=copy is not None)
    except DamagedPackage as error:
        hint = "do not install it: ask its maker for it again, or make it again with `edgecnn package`"
        raise VerificationFailed(f"{path}: {error}", hint=hint) from error


def _inner_package(path: Path, members: Mapping[str, Member], scratch: Path, *, signed: bool) -> Package:
    """Check a bundle's list of digests, and open the wheel in it."""
    bundle = scratch / "bundle"
    sums = [name for name in members if name.rpartition("/")[2] == _SUMS]
    wheels = [name for name in members if name.endswith(_WHEELS)]
    if len(sums) != 1 or len(wheels) != 1:
        raise DamagedPackage(f"it does not hold one wheel and one {_SUMS}")
    root = sums[0].rpartition("/")[0]
    listed = {}
    for line in _contents(bundle, sums)[sums[0]].decode("utf-8", "replace").splitlines():
        digest, _, name = line.partition("  ")
        listed[f"{root}/{name}"] = digest
    _compare(members, listed, {sums[0]})
    left = untrusted.MAX_BYTES - sum(member.size for member in members.values())
    folder = scratch / "package"
    found = _checked(path, folder, unpack(bundle / wheels[0], folder, most=left), signed=signed)
    manifest, wheel = found.manifest, Path(wheels[0]).name
    stem = f"{manifest.name}-{manifest.version}"
    executed = bundle_files(manifest.name, manifest.version, manifest.model, wheel)
    _allow(members, {f"{stem}/{name}" for name in (*executed, "README.md", wheel, _SUMS)}, ())
    if not signed:
        check_files(_contents(bundle / stem, executed), executed)
    return found


def _checked(path: Path, root: Path, members: Mapping[str, Member], *, signed: bool) -> Package:
    found = [name for name in members if name.rpartition("/")[2] == MANIFEST]
    if len(found) != 1:
        raise DamagedPackage(f"it holds {len(found)} files called {MANIFEST}, not one")
    folder = found[0].rpartition("/")[0]
    try:
        manifest = PackageManifest.from_text(read_file(root / found[0]), MANIFEST)
    except ValueError as error:
        raise DamagedPackage(str(error)) from error
    package = Package(path, root, folder, manifest, members)
    listed = {f"{folder}/{name}": digest for name, digest in manifest.files.items()} | manifest.outer
    # RECORD contains the manifest's digest, so the manifest cannot contain RECORD's.
    own = f"{manifest.name}-{manifest.version}.dist-info/RECORD"
    _compare(members, listed, {found[0], own})
    _check_layout(package, own, signed=signed)
    return package


def _check_layout(package: Package, own_record: str, *, signed: bool) -> None:
    """Check that a package is laid out and called as its manifest says, and holds no other kinds of files."""
    name, version = package.manifest.name, package.manifest.version
    try:
        fits = module_name(name) == name and package_version(version) == version
    except UsageError:
        fits = False
    if not fits or package.folder != (name if package.has_python else f"assets/{name}"):
        raise DamagedPackage(f"{MANIFEST} in {package.folder!r} names another package: {name[:64]!r}")
    if not package.has_python:
        _allow(package.members, {*_LIBRARY, AAR_METADATA}, (f"{package.folder}/",))
        if not signed:
            _check_library(package.root)
        return
    info = f"{name}-{version}.dist-info"
    _allow(package.members, {f"{info}/{file}" for file in _DIST_INFO}, (f"{name}/",))
    wanted = {f"{info}/{file}": content for file, content in wheel_files(name).items()}
    wanted[own_record] = record(package.members, own_record)
    metadata = f"{info}/METADATA"
    found = _contents(package.root, (*wanted, metadata))
    for file, content in wanted.items():
        check_wheel_file(file, found[file], content)
    check_metadata(metadata, found[metadata], name, version)


def _check_library(root: Path) -> None:
    manifest = _contents(root, ["AndroidManifest.xml"])["AndroidManifest.xml"]
    package = library_package(manifest)
    wanted = library_files(package)
    check_files(_contents(root, wanted), wanted)
    jar, inside = root / "classes.jar", package.replace(".", "/")
    if not jar.is_file() or jar.stat().st_size > _MAX_CLASSES:
        raise DamagedPackage(f"classes.jar is missing, or larger than {_MAX_CLASSES} bytes")
    try:
        names = zipfile.ZipFile(jar).namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise DamagedPackage(f"classes.jar: {one_line(error)}") from error
    for member in names:
        if not re.fullmatch(rf"{inside}/[A-Za-z0-9_$]+\.class", member):
            raise DamagedPackage(f"classes.jar holds {member[:80]!r}, which is no class of {package}")


def _contents(root: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Return the contents of small text files by their names."""
    found = {}
    for name in names:
        path = root / name
        if not path.is_file():
            raise DamagedPackage(f"{name} is missing")
        if path.stat().st_size > untrusted.SMALL_BYTES:
            raise DamagedPackage(f"{name} is longer than {untrusted.SMALL_BYTES} bytes")
        found[name] = path.read_bytes()
    return found


def _allow(members: Iterable[str], files: set[str], folders: tuple[str, ...]) -> None:
    for name in sorted(members):
        known = name in files or name.startswith(folders)
        if not known or PurePosixPath(name).suffix.lower() in _COMPILED:
            raise DamagedPackage(f"{name} is a file that no package holds")


def _compare(members: Mapping[str, Member], listed: Mapping[str, str], unlisted: set[str]) -> None:
    for name in sorted(listed.keys() | (members.keys() - unlisted)):
        if name not in members:
            raise DamagedPackage(f"{name} is missing")
        if name not in listed:
            raise DamagedPackage(f"{name} was added: the manifest does not list it")
        if members[name].sha256 != listed[name]:
            raise DamagedPackage(f"{name} was changed: its sha256 is not the manifest's")
