"""Files of a package that installers, builds and services execute: one function writes them and checks them.

Whoever installs a package, or adds a library to an app, executes these files without looking at them: the
installer and the service of a bundle, a wheel's dependencies and commands, the manifest and the rules of an
Android library. An unsigned package may hold only what edgecnn writes there.
"""

from __future__ import annotations

import base64
import re
from email.parser import BytesParser
from functools import lru_cache
from typing import TYPE_CHECKING

import edgecnn
from edgecnn.backends.registry import runtimes
from edgecnn.core.errors import UsageError
from edgecnn.ondevice.failure import DamagedPackage
from edgecnn.packaging.naming import java_package
from edgecnn.packaging.templating import render

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgecnn.packaging.unpack import Member

INSTALLER = "install.sh"
AAR_METADATA = "META-INF/com/android/build/gradle/aar-metadata.properties"
MIN_SDK = 23
"""The SDK version that LiteRT needs."""

COMMON_REQUIREMENTS = ("numpy>=1.24", "pillow>=9.4")
"""What every wheel needs; the lowest versions are those of Raspberry Pi OS Bookworm."""

_GENERATOR = re.compile(rb"(?m)^Generator: edgecnn [0-9A-Za-z.+]{1,40}$")
_JAVA_PACKAGE = re.compile(rb'package="([a-z0-9_.]{1,200})"')
_HEADERS = frozenset(
    {
        "Metadata-Version",
        "Name",
        "Version",
        "Summary",
        "License",
        "Requires-Python",
        "Requires-Dist",
        "Description-Content-Type",
    }
)


def record(members: Mapping[str, Member], own: str) -> bytes:
    """Return a wheel's list of members with digests and sizes, which its own line omits."""
    lines = [
        f"{name},sha256={_digest(found.sha256)},{found.size}"
        for name, found in sorted(members.items())
        if name != own
    ]
    return "\n".join([*lines, f"{own},,", ""]).encode()


def wheel_files(name: str) -> dict[str, bytes]:
    """Return the files of a wheel's ``dist-info`` folder that tell an installer what to do.

    Args:
        name: The wheel's module, which is also its one command.
    """
    wheel = f"Wheel-Version: 1.0\nGenerator: edgecnn {edgecnn.__version__}\n"
    return {
        "WHEEL": f"{wheel}Root-Is-Purelib: true\nTag: py3-none-any\n".encode(),
        "entry_points.txt": f"[console_scripts]\n{name} = {name}.__main__:main\n".encode(),
        "top_level.txt": f"{name}\n".encode(),
    }


def bundle_files(name: str, version: str, model: str, wheel: str) -> dict[str, bytes]:
    """Return the installer and the service of a bundle.

    Args:
        name: Name of the package.
        version: Its version.
        model: Name of the model file in it.
        wheel: Name of the wheel beside them.
    """
    installer = render(INSTALLER, name=name, version=version, model=model, wheel=wheel)
    service = render("model.service", name=name, version=version)
    return {INSTALLER: installer.encode(), f"{name}.service": service.encode()}


def library_files(package: str) -> dict[str, bytes]:
    """Return the members of an Android library that the build of an app executes or merges.

    Args:
        package: The Java package of the library.
    """
    aar = (
        "aarFormatVersion=1.0\naarMetadataVersion=1.0\n"
        f"minCompileSdk={MIN_SDK}\nminAndroidGradlePluginVersion=4.1.0\n"
    )
    manifest = render("AndroidManifest.xml", java_package=package, min_sdk=MIN_SDK)
    return {
        "AndroidManifest.xml": manifest.encode(),
        "R.txt": b"",
        "proguard.txt": render("proguard.txt", java_package=package).encode(),
        AAR_METADATA: aar.encode(),
    }


def check_wheel_file(file: str, found: bytes, wanted: bytes) -> None:
    """Check one file that :func:`wheel_files` or :func:`record` writes; another version's name may differ.

    Raises:
        DamagedPackage: The file says something else.
    """
    if _GENERATOR.sub(b"", found) != _GENERATOR.sub(b"", wanted):
        raise DamagedPackage(f"{file} is not what `edgecnn package` writes for these files")


def check_metadata(file: str, found: bytes, name: str, version: str) -> None:
    """Check that a wheel's metadata ask an installer only for packages that edgecnn's wheels need.

    Args:
        file: Path of the file, for messages.
        found: Its content.
        name: Name of the package.
        version: Its version.

    Raises:
        DamagedPackage: They have other fields, another name, or need anything else.
    """
    from packaging.requirements import InvalidRequirement, Requirement

    message = BytesParser().parsebytes(found)
    if unknown := sorted(set(message.keys()) - _HEADERS):
        raise DamagedPackage(f"{file} has the field {unknown[0]!r:.80}, which no package has")
    if message.get_all("Name") != [name] or message.get_all("Version") != [version]:
        raise DamagedPackage(f"{file} names another package")
    for text in message.get_all("Requires-Dist", []):
        try:
            need = Requirement(str(text))
        except InvalidRequirement:
            raise DamagedPackage(f"{file}: {str(text)[:80]!r} is no requirement") from None
        if need.url is not None or need.name.lower() not in _needed_names():
            raise DamagedPackage(f"{file} makes an installer fetch {str(text)[:80]!r}")


def check_files(found: Mapping[str, bytes], wanted: Mapping[str, bytes]) -> None:
    """Check the files of :func:`bundle_files` or :func:`library_files` in a package.

    Args:
        found: The contents that the package has, by path.
        wanted: The contents that this version of edgecnn writes, by the same paths.

    Raises:
        DamagedPackage: One is missing or says something else.
    """
    for name, content in wanted.items():
        if name not in found:
            raise DamagedPackage(f"{name} is missing")
        if found[name] != content:
            raise DamagedPackage(
                f"{name} would be executed and is not what edgecnn {edgecnn.__version__} writes; "
                "if another version wrote it, only a signature can vouch for it"
            )


def library_package(manifest: bytes) -> str:
    """Return the Java package that an Android manifest names.

    Raises:
        DamagedPackage: It names none.
    """
    match = _JAVA_PACKAGE.search(manifest)
    try:
        return java_package(match[1].decode() if match else "")
    except UsageError as error:
        raise DamagedPackage(f"AndroidManifest.xml: {error.message}") from error


@lru_cache(maxsize=1)
def _needed_names() -> frozenset[str]:
    """Return the distributions that wheels of any installed format may need."""
    from packaging.requirements import Requirement

    shipped = [need for known in runtimes().values() for needs in known.ships.values() for need in needs]
    return frozenset(Requirement(need).name.lower() for need in (*COMMON_REQUIREMENTS, *shipped))


def _digest(sha256: str) -> str:
    return base64.urlsafe_b64encode(bytes.fromhex(sha256)).rstrip(b"=").decode()
