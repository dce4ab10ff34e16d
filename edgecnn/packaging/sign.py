"""Signatures by OpenSSF model signing with a plain key: no account, no network, no transparency log.

The signature of ``birds-1.0.0-py3-none-any.whl`` is a Sigstore bundle beside it,
``birds-1.0.0-py3-none-any.whl.sig``, which ``model_signing verify key`` can check as well.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError, VerificationFailed, WorkerError
from edgecnn.core.files import is_file
from edgecnn.core.toolchains.environment import require
from edgecnn.core.toolchains.program import run_program

if TYPE_CHECKING:
    from pathlib import Path

TOOLCHAIN = "model-signing"
SUFFIX = ".sig"
_TIMEOUT_S = 120.0


def signature_of(package: Path) -> Path:
    """Return the path of a package's signature."""
    return package.with_name(package.name + SUFFIX)


def sign(package: Path, key: Path, log: Path) -> Path:
    """Sign a package.

    Args:
        package: The package, one file.
        key: Private key: an elliptic curve key in PEM format, without a password.
        log: File for the output of the tool.

    Returns:
        The signature.

    Raises:
        InputError: The key cannot be used.
        MissingDependency: The toolchain is not installed.
    """
    _need_file(key, "private key")
    signature = signature_of(package)
    try:
        _run(["sign", "key", str(package), "--private_key", str(key)], signature, log)
    except WorkerError as error:
        raise InputError(
            f"{key} cannot sign {package.name}: {error}",
            hint="make a key: openssl ecparam -name prime256v1 -genkey -noout -out key.pem",
        ) from error
    return signature


def signed_copy(package: Path, key: Path, folder: Path, log: Path) -> Path:
    """Copy a package and check the signature of the copy, which nobody can exchange after the check.

    Args:
        package: The package.
        key: Public key in PEM format.
        folder: Private folder for the copy.
        log: File for the output of the tool.

    Returns:
        The copy.

    Raises:
        InputError: Package, key or signature is missing.
        VerificationFailed: The signature does not belong to this key or these bytes.
        MissingDependency: The toolchain is not installed.
    """
    _need_file(package, "package")
    _need_file(key, "public key")
    signature = signature_of(package)
    _need_file(signature, "signature")
    copy = folder / "signed" / package.name
    copy.parent.mkdir()
    for file in (package, signature):
        shutil.copyfile(file, copy.with_name(file.name))
    try:
        _run(["verify", "key", str(copy), "--public_key", str(key)], signature_of(copy), log)
    except WorkerError as error:
        raise VerificationFailed(
            f"{package} is not what {signature.name} was made of, or not with that key: {error}"
        ) from error
    return copy


def _run(arguments: list[str], signature: Path, log: Path) -> None:
    python = str(require(TOOLCHAIN).python)
    command = [python, "-m", "model_signing", *arguments, "--signature", str(signature)]
    run_program(command, what=TOOLCHAIN, log=log, timeout_s=_TIMEOUT_S)


def _need_file(path: Path, what: str) -> None:
    if not is_file(path):
        raise InputError(f"there is no {what} {path}", hint=f"give the path of the {what}")
