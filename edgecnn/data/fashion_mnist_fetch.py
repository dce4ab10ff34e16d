"""Locations of the files of Fashion-MNIST, and their download on the user's request."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import zlib
from pathlib import Path

import filelock

from edgecnn.core import process
from edgecnn.core.child import run
from edgecnn.core.documents.arguments import arguments
from edgecnn.core.errors import EdgecnnError, InputError, MissingDependency, not_written
from edgecnn.core.scratch import scratch_directory
from edgecnn.core.text import first_line

SYSTEM_FOLDER = Path("/usr/share/datasets/fashion-mnist")
"""Folder in which the Debian package ``dataset-fashion-mnist`` installs the files."""

CACHE_NAME = "fashion-mnist"

FILES = {
    "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
"""SHA-256 of each file *before* compression, because distributors compress the files differently."""

_PACKAGE = "dataset-fashion-mnist"
_TIMEOUT_S = 600.0
_MAX_CONTENT = 1 << 26


def locate(cache_dir: Path) -> Path | None:
    """Return the folder that holds all four files: the system's, else the cache's, else None."""
    for folder in (SYSTEM_FOLDER, cache_dir / CACHE_NAME):
        if all((folder / name).is_file() for name in FILES):
            return folder
    return None


def fetch(cache_dir: Path) -> Path:
    """Download the files into the cache unless they exist already; return their folder.

    Debian's package is tried first, through ``apt-get download``, which needs no root and installs nothing;
    then torchvision's download. The content is checked against :data:`FILES` before a file appears in the
    cache. If several processes fetch at once, one of them downloads.

    Raises:
        MachineFault: The cache cannot be written.
        MissingDependency: Both ways failed; the message gives the reasons.
    """
    try:
        cache_dir.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(cache_dir / f"{CACHE_NAME}.lock"):
            return locate(cache_dir) or _download(cache_dir)
    except OSError as error:
        raise not_written(cache_dir, error) from error


def _download(cache_dir: Path) -> Path:
    reasons = []
    for title, download in (("apt-get", _with_apt), ("torchvision", _with_torchvision)):
        with scratch_directory(cache_dir, f"{CACHE_NAME}-") as scratch:
            try:
                folder = download(scratch)
                _verify(folder)
            except EdgecnnError as error:
                reasons.append(f"{title}: {error.message}")
            else:
                return _publish(folder, cache_dir / CACHE_NAME)
    raise MissingDependency(
        f"Fashion-MNIST could not be downloaded ({'; '.join(reasons)})",
        hint=f"apt-get install {_PACKAGE}, or put {', '.join(FILES)} into {cache_dir / CACHE_NAME}",
    )


def _publish(folder: Path, target: Path) -> Path:
    target.mkdir(exist_ok=True)
    for name in FILES:
        (folder / name).replace(target / name)
    return target


def _with_apt(scratch: Path) -> Path:
    """Download and unpack Debian's package; use private package lists if the system has none."""
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise InputError(f"there is no {tool}")
    try:
        _run(["apt-get", "download", _PACKAGE], scratch)
    except InputError:
        private = ["-o", f"Dir::State::Lists={scratch / 'lists'}", "-o", f"Dir::Cache={scratch / 'cache'}"]
        (scratch / "lists" / "partial").mkdir(parents=True)
        (scratch / "cache" / "archives" / "partial").mkdir(parents=True)
        _run(["apt-get", *private, "update"], scratch)
        _run(["apt-get", *private, "download", _PACKAGE], scratch)
    packages = list(scratch.glob(f"{_PACKAGE}_*.deb"))
    if len(packages) != 1:
        raise InputError(f"it left {len(packages)} packages")
    _run(["dpkg", "-x", str(packages[0]), str(scratch / "root")], scratch)
    return scratch / "root" / SYSTEM_FOLDER.relative_to("/")


def _run(command: list[str], folder: Path) -> None:
    environment = {**os.environ, "LC_ALL": "C"}
    try:
        done = run(
            command,
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"{command[0]} did not finish in {_TIMEOUT_S:.0f} s") from None
    if done.returncode != 0:
        lines = [line for line in done.stderr.decode(errors="replace").splitlines() if line.startswith("E:")]
        raise InputError(lines[0] if lines else f"{command[0]} failed with exit code {done.returncode}")


def _with_torchvision(scratch: Path) -> Path:
    """Download with torchvision in a child process, because torchvision's download has no time limit."""
    process.call(
        f"{__name__}:download_with_torchvision",
        DownloadFolder(scratch),
        log=scratch / "download.log",
        timeout_s=_TIMEOUT_S,
    )
    return scratch / "FashionMNIST" / "raw"


@arguments
class DownloadFolder:
    """The folder that torchvision downloads into."""

    folder: Path


def download_with_torchvision(request: DownloadFolder) -> None:
    """Download with torchvision into a folder; runs in a child process.

    Raises:
        InputError: The download failed.
        MissingDependency: torchvision is not installed.
    """
    try:
        from torchvision.datasets import FashionMNIST  # heavy, and optional
    except ImportError:
        raise MissingDependency("torchvision is not installed") from None
    try:
        FashionMNIST(request.folder, download=True)
    except (OSError, RuntimeError) as error:
        raise InputError(first_line(error)) from error


def _verify(folder: Path) -> None:
    """Compare the decompressed content of the four files with :data:`FILES`."""
    for name, expected in FILES.items():
        try:
            with gzip.open(folder / name, "rb") as handle:
                content = handle.read(_MAX_CONTENT)
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{name} is missing or broken: {error}") from error
        if hashlib.sha256(content).hexdigest() != expected:
            raise InputError(f"the content of {name} is not what it should be")
