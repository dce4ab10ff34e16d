from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

import edgecnn
from edgecnn.core.documents.package import PackageResult
from edgecnn.core.errors import InputError, MissingDependency, UsageError, VerificationFailed
from edgecnn.core.toolchains.install import install
from edgecnn.packaging.archive import write_zip
from edgecnn.packaging.payload import digests
from tests.support.archives import read_archive
from tests.support.forged_packages import EPOCH, changed, forged


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))


def test_wheel_and_bundle_verify(raspberry: PackageResult) -> None:
    for path in raspberry.paths:
        found = edgecnn.verify(path)
        assert (found.name, found.platform, found.signed) == ("tiny", "raspberry-pi", None)
        assert found.self_test is not None
        assert found.self_test.passed
        assert found.self_test.compared == "best class"


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
    with pytest.raises(InputError, match="cannot be read") as caught:
        edgecnn.verify(tmp_path / "missing.whl")
    assert "that `edgecnn package` wrote" in (caught.value.hint or "")
    with pytest.raises(InputError, match="there is no package") as caught:
        edgecnn.verify(tmp_path / "missing.whl", key=tmp_path / "key.pem")
    assert caught.value.hint == "give the path of the package"
    (tmp_path / "b.whl").write_bytes(b"PK no zip")
    with pytest.raises(VerificationFailed, match=r"b\.whl is damaged") as damaged:
        edgecnn.verify(tmp_path / "b.whl")
    assert "do not install it" in (damaged.value.hint or "")


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


MARK = "import os\nopen(os.environ.get('MARK', '/nowhere'), 'a').write('executed')\n"


def test_code_of_a_package_is_executed_only_on_request(raspberry: PackageResult, tmp_path: Path) -> None:
    """Forged code is run by ``--self-test`` alone: that is what the user then asks for."""
    mark = tmp_path / "mark"
    members = read_archive(raspberry.paths[0])
    code = MARK.replace("/nowhere", str(mark)).encode()
    modules = [
        "__init__",
        "ondevice/__init__",
        "ondevice/command",
        "ondevice/self_test",
        "ondevice/tasks/base",
    ]
    changes = {f"tiny/{name}.py": members[f"tiny/{name}.py"] + b"\n" + code for name in modules}
    path = forged(raspberry.paths[0], tmp_path, changes)
    found = edgecnn.verify(path)
    assert (found.signed, found.self_test_code) == (None, "edgecnn")
    assert edgecnn.verify(path, self_test=False).self_test_code is None
    assert not mark.exists(), "verify ran the package's code"
    assert edgecnn.verify(path, self_test=True).self_test_code == "package"
    assert mark.exists()


def test_libraries_inside_a_package_are_not_imported(raspberry: PackageResult, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    code = MARK.replace("/nowhere", str(mark)).encode()
    libraries = ("numpy", "ai_edge_litert", "PIL", "edgecnn", "json")
    inner = {f"tiny/{name}/__init__.py": code for name in libraries}
    assert edgecnn.verify(forged(raspberry.paths[0], tmp_path, inner)).self_test_code == "edgecnn"
    for name in libraries:
        outer = forged(raspberry.paths[0], tmp_path, {f"{name}/__init__.py": code})
        with pytest.raises(VerificationFailed, match="is a file that no package holds"):
            edgecnn.verify(outer, self_test=True)
    assert not mark.exists()


@pytest.mark.parametrize(
    "member",
    [
        "tiny.pth",
        "tiny/x.pth",
        "tiny/lib.so",
        "tiny-1.0.0.data/scripts/pip",
        "tiny-1.0.0.data/purelib/os.py",
        "tiny-1.0.0.dist-info/direct_url.json",
        "other-1.0.0.dist-info/RECORD",
        "sitecustomize.py",
    ],
)
def test_files_that_an_installer_would_execute_are_refused(
    raspberry: PackageResult, tmp_path: Path, member: str
) -> None:
    with pytest.raises(VerificationFailed, match=f"{member} is a file that no package holds"):
        edgecnn.verify(forged(raspberry.paths[0], tmp_path, {member: b"x"}))


@pytest.mark.parametrize(
    ("member", "data"),
    [
        ("tiny-1.0.0.dist-info/entry_points.txt", b"[console_scripts]\npip = tiny.__main__:main\n"),
        ("tiny-1.0.0.dist-info/RECORD", b"../../../../etc/passwd,,\n"),
    ],
)
def test_entry_points_and_record_are_those_of_the_files(
    raspberry: PackageResult, tmp_path: Path, member: str, data: bytes
) -> None:
    path = (changed if member.endswith("RECORD") else forged)(raspberry.paths[0], tmp_path, {member: data})
    with pytest.raises(VerificationFailed, match="is not what `edgecnn package` writes"):
        edgecnn.verify(path)


@pytest.mark.parametrize("name", ["os", "json", "other", "tiny; import os", "../tiny", ""])
def test_a_manifest_that_names_another_module(raspberry: PackageResult, tmp_path: Path, name: str) -> None:
    for self_test in (None, True):
        with pytest.raises(VerificationFailed, match=r"names another package|was added|is missing"):
            edgecnn.verify(forged(raspberry.paths[0], tmp_path, {}, name=name), self_test=self_test)


def test_a_module_that_is_called_as_one_of_pythons(raspberry: PackageResult, tmp_path: Path) -> None:
    members = read_archive(raspberry.paths[0])
    renamed = {name.replace("tiny", "json", 1): data for name, data in members.items()}
    path = tmp_path / raspberry.paths[0].name
    manifest = json.loads(members["tiny/manifest.json"]) | {"name": "json"}
    manifest["outer"] = {name.replace("tiny", "json", 1): data for name, data in manifest["outer"].items()}
    write_zip({**renamed, "json/manifest.json": json.dumps(manifest).encode()}, path, epoch=EPOCH)
    with pytest.raises(VerificationFailed, match="names another package"):
        edgecnn.verify(path, self_test=True)


def test_a_task_that_is_not_installed_is_not_tested(raspberry: PackageResult, tmp_path: Path) -> None:
    path = forged(raspberry.paths[0], tmp_path, {}, task="palmistry", settings={})
    with pytest.raises(UsageError, match="there is no task 'palmistry'") as caught:
        edgecnn.verify(path)
    assert "--no-self-test" in (caught.value.hint or "")
    assert edgecnn.verify(path, self_test=False).self_test_code is None


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


def test_a_signature_that_cannot_be_made_leaves_the_old_package_whole(tiny_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    made = edgecnn.package(tiny_run, "raspberry-pi", target="tflite-int8", out=out)
    before = {path.name: path.read_bytes() for path in made.paths}
    (tmp_path / "key.pem").write_text("no key")
    with pytest.raises(MissingDependency, match="'model-signing' is not installed"):
        edgecnn.package(
            tiny_run, "raspberry-pi", target="onnx-fp32", name="tiny", out=out, key=tmp_path / "key.pem"
        )
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_an_old_signature_does_not_stay_beside_a_new_package(tiny_run: Path, tmp_path: Path) -> None:
    old = tmp_path / "tiny-1.0.0-py3-none-any.whl.sig"
    old.write_text("a signature of an older package")
    edgecnn.package(tiny_run, "raspberry-pi", target="tflite-int8", out=tmp_path)
    assert not old.exists()


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
