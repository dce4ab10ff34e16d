from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

import edgecnn
from edgecnn.core.documents.package import PackageResult
from edgecnn.core.errors import InputError, MissingDependency, VerificationFailed
from edgecnn.core.toolchains.install import install
from edgecnn.packaging.archive import read_archive, write_tar_gz, write_zip
from edgecnn.packaging.payload import digests

EPOCH = 1_000_000_000


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))


def changed(package: Path, folder: Path, changes: Mapping[str, bytes | None]) -> Path:
    """Write a package with some members replaced, added or (None) removed."""
    members = {**read_archive(package), **changes}
    path = folder / package.name
    kept = {name: data for name, data in members.items() if data is not None}
    (write_tar_gz if path.name.endswith(".tar.gz") else write_zip)(kept, path, epoch=EPOCH)
    return path


def test_wheel_and_bundle_verify(raspberry: PackageResult) -> None:
    for path in raspberry.paths:
        found = edgecnn.verify(path)
        assert (found.name, found.platform, found.signed) == ("tiny", "raspberry-pi", None)
        assert found.self_test is not None
        assert found.self_test.passed


@pytest.mark.parametrize(
    ("member", "data", "words"),
    [
        ("tiny/model.tflite", b"other", "tiny/model.tflite was changed"),
        ("tiny/labels.txt", None, "tiny/labels.txt is missing"),
        ("tiny/extra.py", b"import os", "tiny/extra.py was added"),
        ("tiny-1.0.0.dist-info/METADATA", b"Name: other", "METADATA was changed"),
        ("tiny/manifest.json", b"{", "manifest.json is no JSON"),
        ("tiny/manifest.json", b'{"schema_version": 9}', "has schema 9, not 1"),
        ("tiny/manifest.json", None, "holds 0 files called manifest.json"),
    ],
)
def test_a_tampered_file_is_named(
    raspberry: PackageResult, tmp_path: Path, member: str, data: bytes | None, words: str
) -> None:
    with pytest.raises(VerificationFailed, match=words):
        edgecnn.verify(changed(raspberry.paths[0], tmp_path, {member: data}))


def test_a_tampered_bundle_is_named(raspberry: PackageResult, tmp_path: Path) -> None:
    with pytest.raises(VerificationFailed, match=r"install\.sh was changed"):
        edgecnn.verify(changed(raspberry.paths[1], tmp_path, {"tiny-1.0.0/install.sh": b"rm -rf ~"}))
    with pytest.raises(VerificationFailed, match="does not hold one wheel"):
        edgecnn.verify(changed(raspberry.paths[1], tmp_path, {"tiny-1.0.0/SHA256SUMS": None}))


def test_files_that_are_no_package(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"")
    with pytest.raises(InputError, match="is no package"):
        edgecnn.verify(tmp_path / "a.zip")
    with pytest.raises(InputError, match="cannot be read"):
        edgecnn.verify(tmp_path / "missing.whl")
    (tmp_path / "b.whl").write_bytes(b"PK no zip")
    with pytest.raises(VerificationFailed, match=r"b\.whl is damaged"):
        edgecnn.verify(tmp_path / "b.whl")


def test_a_model_that_computes_something_else_fails_the_self_test(
    raspberry: PackageResult, tmp_path: Path
) -> None:
    """The manifest may be forged to fit, which only a signature shows; the outputs then still betray it."""
    members = read_archive(raspberry.paths[0])
    outputs = bytes((value + 40) % 256 for value in members["tiny/golden/output_0.bin"])
    manifest = json.loads(members["tiny/manifest.json"])
    manifest["files"] |= digests({"golden/output_0.bin": outputs})
    forged = {"tiny/golden/output_0.bin": outputs, "tiny/manifest.json": json.dumps(manifest).encode()}
    with pytest.raises(VerificationFailed, match="4 of 4 golden vectors differ in the reference kernels"):
        edgecnn.verify(changed(raspberry.paths[0], tmp_path, forged))


def test_signing_needs_its_toolchain_and_a_key(raspberry: PackageResult, tmp_path: Path) -> None:
    wheel = Path(shutil.copy(raspberry.paths[0], tmp_path))
    with pytest.raises(InputError, match="no public key"):
        edgecnn.verify(wheel, key=tmp_path / "no.pem")
    (tmp_path / "key.pem").write_text("x")
    with pytest.raises(InputError, match="no signature"):
        edgecnn.verify(wheel, key=tmp_path / "key.pem")
    wheel.with_name(wheel.name + ".sig").write_text("{}")
    with pytest.raises(MissingDependency, match="'model-signing' is not installed"):
        edgecnn.verify(wheel, key=tmp_path / "key.pem")


@pytest.mark.slow
def test_a_signature_holds_for_its_key_and_its_bytes_only(tiny_run: Path, tmp_path: Path) -> None:
    try:
        install("model-signing")
    except MissingDependency as error:
        pytest.skip(f"no model-signing: {error}")
    for name in ("mine", "other"):
        private, public = tmp_path / f"{name}.pem", tmp_path / f"{name}.pub"
        subprocess.run(
            ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", private], check=True
        )
        subprocess.run(
            ["openssl", "ec", "-in", private, "-pubout", "-out", public], check=True, capture_output=True
        )
    made = edgecnn.package(tiny_run, "raspberry-pi", out=tmp_path / "out", key=tmp_path / "mine.pem")
    assert [path.suffix for path in made.paths] == [".whl", ".gz", ".sig", ".sig"]
    wheel = made.paths[0]
    assert edgecnn.verify(wheel, key=tmp_path / "mine.pub", self_test=False).signed
    with pytest.raises(VerificationFailed, match="not with that key"):
        edgecnn.verify(wheel, key=tmp_path / "other.pub")
    with zipfile.ZipFile(wheel, "a") as file:
        file.writestr("more", "x")
    with pytest.raises(VerificationFailed, match="is not what"):
        edgecnn.verify(wheel, key=tmp_path / "mine.pub")
    with pytest.raises(InputError, match="cannot sign"):
        edgecnn.package(tiny_run, "raspberry-pi", out=tmp_path / "out", key=tmp_path / "mine.pub")
