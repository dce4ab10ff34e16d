"""Files of an unsigned package that an installer, a service or an app's build executes are edgecnn's own."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

import edgecnn
from edgecnn.core.documents.package import PackageResult
from edgecnn.core.errors import VerificationFailed
from edgecnn.ondevice.failure import DamagedPackage
from edgecnn.packaging.contents import open_package
from edgecnn.packaging.executed import check_metadata, library_package
from tests.support.android import build_library
from tests.support.archives import read_archive
from tests.support.forged_packages import forged, forged_bundle
from tests.support.tiny_run import write_artifact

INFO = "tiny-1.0.0.dist-info"
METADATA = b"Metadata-Version: 2.1\nName: tiny\nVersion: 1.0.0\n"


def verify_unsigned(path: Path) -> None:
    edgecnn.verify(path, self_test=False)


@pytest.mark.parametrize(
    ("file", "old", "new", "words"),
    [
        (
            "METADATA",
            b"Requires-Dist: numpy",
            b"Requires-Dist: evil @ file:///evil\nRequires-Dist: numpy",
            "fetch",
        ),
        ("METADATA", b"Requires-Dist: numpy", b"Requires-Dist: numpi", "fetch 'numpi"),
        ("METADATA", b"Name: tiny", b"Name: other", "names another package"),
        ("METADATA", b"Name: tiny", b"Name: tiny\nObsoletes-Dist: pip", "'Obsoletes-Dist'"),
        ("WHEEL", b"Root-Is-Purelib: true", b"Root-Is-Purelib: false", "WHEEL is not what"),
        ("WHEEL", b"py3-none-any\n", b"py3-none-any\nBuild: 1\n", "WHEEL is not what"),
        ("top_level.txt", b"tiny", b"numpy", "top_level.txt is not what"),
    ],
)
def test_a_wheel_tells_an_installer_only_what_edgecnn_says(
    raspberry: PackageResult, tmp_path: Path, file: str, old: bytes, new: bytes, words: str
) -> None:
    member = f"{INFO}/{file}"
    content = read_archive(raspberry.paths[0])[member]
    assert old in content
    path = forged(raspberry.paths[0], tmp_path, {member: content.replace(old, new, 1)})
    with pytest.raises(VerificationFailed, match=words):
        verify_unsigned(path)


@pytest.mark.parametrize("file", ["install.sh", "tiny.service"])
def test_installer_and_service_are_those_of_edgecnn(
    raspberry: PackageResult, tmp_path: Path, file: str
) -> None:
    member = f"tiny-1.0.0/{file}"
    content = read_archive(raspberry.paths[1])[member]
    path = forged_bundle(raspberry.paths[1], tmp_path, {member: content + b"# more\n"})
    with pytest.raises(VerificationFailed, match=f"{file} would be executed and is not what edgecnn"):
        verify_unsigned(path)
    verify_unsigned(forged_bundle(raspberry.paths[1], tmp_path, {"tiny-1.0.0/README.md": b"read me"}))


@pytest.mark.parametrize(
    "needs", ["evil", "numpy @ https://host/numpy.whl", "numpy>=1; os_name ==", "-r other.txt", ""]
)
def test_metadata_that_make_an_installer_fetch_something(needs: str) -> None:
    check_metadata(
        "METADATA", METADATA + b"Requires-Dist: numpy>=1.24\n\n# Requires-Dist: evil", "tiny", "1.0.0"
    )
    with pytest.raises(DamagedPackage):
        check_metadata("METADATA", METADATA + f"Requires-Dist: {needs}\n\n".encode(), "tiny", "1.0.0")


@pytest.mark.parametrize(
    "text",
    [b"", b'package=""', b'package="evil"', b'package="com.new.Old"', b"\xff\xfe", b'package="a.\xc3\xa4"'],
)
def test_android_manifests_that_name_no_package(text: bytes) -> None:
    assert library_package(b'<manifest package="com.example.tiny">') == "com.example.tiny"
    with pytest.raises(DamagedPackage, match=r"AndroidManifest\.xml"):
        library_package(text)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("library")
    write_artifact(folder / "artifact", "tflite-int8")
    return build_library(folder / "artifact", folder)


@pytest.mark.parametrize(
    ("member", "old", "new"),
    [
        ("AndroidManifest.xml", b"</manifest>", b"<application/></manifest>"),
        ("AndroidManifest.xml", b"<uses-sdk", b'<uses-permission android:name="x"/><uses-sdk'),
        ("proguard.txt", b"-keep", b"-dontobfuscate\n-keep"),
        ("R.txt", b"", b"int id x 0x1"),
        (
            "META-INF/com/android/build/gradle/aar-metadata.properties",
            b"minCompileSdk",
            b"x=1\nminCompileSdk",
        ),
    ],
)
def test_a_library_gives_an_app_only_what_edgecnn_writes(
    library: Path, tmp_path: Path, member: str, old: bytes, new: bytes
) -> None:
    content = read_archive(library)[member]
    path = forged(library, tmp_path, {member: content.replace(old, new, 1)})
    with pytest.raises(VerificationFailed, match="would be executed and is not what edgecnn"):
        open_package(path, tmp_path)


@pytest.mark.parametrize("name", ["META-INF/services/x", "com/other/Evil.class", "dev/edgecnn/tiny/x.dex"])
def test_classes_of_a_library_are_of_its_package(library: Path, tmp_path: Path, name: str) -> None:
    jar = io.BytesIO(read_archive(library)["classes.jar"])
    with zipfile.ZipFile(jar, "a") as archive:
        archive.writestr(name, b"x")
    path = forged(library, tmp_path, {"classes.jar": jar.getvalue()})
    with pytest.raises(VerificationFailed, match=f"classes.jar holds '{name}'"):
        open_package(path, tmp_path)
