"""Check of an Android library by Android's own tools, which build, align and sign an app from it.

There is no dexer on the package registries, so the app has no code and is never executed. The check proves
that the library's manifest and assets link, and that the model reaches the app uncompressed and unchanged.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path

from edgecnn.core.errors import MissingDependency, VerificationFailed, WorkerError
from edgecnn.core.toolchains.program import run_program
from edgecnn.packaging.archive import PAGE
from edgecnn.packaging.unpack import unpack

PROGRAMS = {
    "aapt2": "aapt",
    "zipalign": "zipalign",
    "apksigner": "apksigner",
    "keytool": "openjdk-17-jdk-headless",
}
FRAMEWORK = Path("/usr/share/android-framework-res/framework-res.apk")
_TIMEOUT_S = 300.0
_KEY = "edgecnn"  # alias of a temporary key


def check_library(aar: Path, log: Path) -> None:
    """Link a library into an app, align and sign it, and compare the model in it.

    Args:
        aar: The library.
        log: File for the output of the tools.

    Raises:
        MissingDependency: Tools are missing; the hint is the command that installs them.
        VerificationFailed: A tool rejects the library, or the model was changed.
    """
    _require_tools()
    with tempfile.TemporaryDirectory(prefix="edgecnn-apk-") as scratch:
        folder = Path(scratch)
        (model,) = (name for name in unpack(aar, folder / "aar") if name.endswith(".tflite"))
        offset = _content_offset(aar, model)
        if offset % PAGE:
            raise VerificationFailed(f"{aar}: {model} begins at {offset}, which is no multiple of {PAGE}")
        try:
            app = _make_app(folder, log)
        except WorkerError as error:
            raise VerificationFailed(f"{aar}: {error}") from error
        with zipfile.ZipFile(app) as archive:
            stored = archive.getinfo(model).compress_type == zipfile.ZIP_STORED
            if not stored or archive.read(model) != (folder / "aar" / model).read_bytes():
                raise VerificationFailed(f"{aar}: {model} is compressed or changed in an app")


def _make_app(folder: Path, log: Path) -> Path:
    """Make a signed app of the library that is unpacked in the folder ``aar`` of a folder."""
    linked, aligned, key = folder / "linked.apk", folder / "aligned.apk", folder / "key.p12"

    def run(*command: str) -> None:
        run_program(command, what=command[0], log=log, timeout_s=_TIMEOUT_S)

    run(
        *("aapt2", "link", "-o", str(linked), "-I", str(FRAMEWORK)),
        *("--manifest", str(folder / "aar" / "AndroidManifest.xml"), "-A", str(folder / "aar" / "assets")),
        # The dot is needed: without it nothing matches, and the model is silently compressed.
        *("-0", ".tflite", "--min-sdk-version", "23", "--target-sdk-version", "29"),
    )
    run("zipalign", "-f", "4", str(linked), str(aligned))
    run("zipalign", "-c", "4", str(aligned))
    run(
        *("keytool", "-genkeypair", "-keystore", str(key), "-storetype", "PKCS12", "-alias", _KEY),
        *("-keyalg", "EC", "-groupname", "secp256r1", "-dname", "CN=edgecnn", "-validity", "1"),
        *("-storepass", "throwaway"),
    )
    run("apksigner", "sign", "--ks", str(key), "--ks-pass", "pass:throwaway", str(aligned))
    run("apksigner", "verify", str(aligned))
    return aligned


def _require_tools() -> None:
    missing = {package for name, package in PROGRAMS.items() if shutil.which(name) is None}
    if not FRAMEWORK.is_file():
        missing.add("android-framework-res")
    if missing:
        raise MissingDependency(
            f"Android's tools are not all here: {', '.join(sorted(missing))}",
            hint="apt-get install " + " ".join(sorted(missing)),
        )


def _content_offset(archive: Path, member: str) -> int:
    """Return the offset of a member's content, after its local header, which alone has the length."""
    with zipfile.ZipFile(archive) as file:
        start = file.getinfo(member).header_offset
    with archive.open("rb") as raw:
        raw.seek(start + 26)
        sizes = raw.read(4)
    return start + 30 + int.from_bytes(sizes[:2], "little") + int.from_bytes(sizes[2:], "little")
