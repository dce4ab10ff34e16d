"""Packages that somebody changed, with a manifest that fits the change or with the old one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from edgecnn.packaging.archive import write_tar_gz, write_zip
from edgecnn.packaging.executed import record
from edgecnn.packaging.payload import digests
from edgecnn.packaging.unpack import Member
from tests.support.archives import read_archive

EPOCH = 1_000_000_000


def changed(package: Path, folder: Path, changes: Mapping[str, bytes | None]) -> Path:
    """Write a package with some members replaced, added or (None) removed; a wheel's RECORD then fits."""
    members = {**read_archive(package), **changes}
    path = folder / package.name
    kept = {name: data for name, data in members.items() if data is not None}
    for name in kept:
        if name.endswith(".dist-info/RECORD") and name not in changes:
            digests = {
                name: Member(len(data), hashlib.sha256(data).hexdigest()) for name, data in kept.items()
            }
            kept = {**kept, name: record(digests, name)}
    (write_tar_gz if path.name.endswith(".tar.gz") else write_zip)(kept, path, epoch=EPOCH)
    return path


def forged(package: Path, folder: Path, changes: Mapping[str, bytes], **fields: object) -> Path:
    """Write a package whose manifest was made to fit the changes: only a signature could show that."""
    members = read_archive(package)
    (name,) = (name for name in members if name.endswith("/manifest.json"))
    root = name.removesuffix("manifest.json")
    manifest = json.loads(members[name]) | fields
    for file, data in changes.items():
        part = "files" if file.startswith(root) else "outer"
        manifest[part] |= digests({file.removeprefix(root): data})
    return changed(package, folder, {**changes, name: json.dumps(manifest).encode()})


def forged_bundle(bundle: Path, folder: Path, changes: Mapping[str, bytes]) -> Path:
    """Write a bundle whose list of digests was made to fit the changes."""
    members = {**read_archive(bundle), **changes}
    (sums,) = (name for name in members if name.endswith("/SHA256SUMS"))
    root = sums.rpartition("/")[0]
    listed = sorted(name for name in members if name != sums)
    text = "".join(
        f"{hashlib.sha256(members[name]).hexdigest()}  {name.removeprefix(root + '/')}\n" for name in listed
    )
    return changed(bundle, folder, {**changes, sums: text.encode()})
