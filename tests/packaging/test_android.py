"""The Android library: what its tools, Maven and readers of metadata find in it."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

import edgecnn
from edgecnn.core.documents.package import PackageResult
from edgecnn.core.errors import MissingDependency, VerificationFailed
from edgecnn.core.toolchains.install import install
from edgecnn.packaging.android import check
from edgecnn.packaging.android.check import check_library
from edgecnn.packaging.archive import PAGE, write_zip
from tests.support.archives import read_archive

MODEL = "assets/tiny/model.tflite"


@pytest.fixture(scope="session")
def android(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> PackageResult:
    """The tiny run as an Android library; building it runs Android's tools over it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGECNN_HOME", str(tmp_path_factory.mktemp("home")))
        try:
            result: PackageResult = edgecnn.package(
                tiny_run, "android", out=tmp_path_factory.mktemp("out"), java="com.example.tiny"
            )
        except MissingDependency as error:
            pytest.skip(f"{error}: {error.hint}")
        return result


def test_the_model_is_stored_and_aligned(android: PackageResult) -> None:
    with zipfile.ZipFile(android.paths[0]) as archive:
        assert archive.getinfo(MODEL).compress_type == zipfile.ZIP_STORED
        assert archive.testzip() is None
        names = set(archive.namelist())
    assert {"AndroidManifest.xml", "classes.jar", "R.txt", "proguard.txt", "assets/tiny/labels.txt"} <= names
    command = ["zipalign", "-c", "-v", str(PAGE), str(android.paths[0])]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert f"{MODEL} (OK)" in found.stdout
    assert android.self_test.passed


def test_classes_are_of_its_package_only_and_hold_no_stub(android: PackageResult) -> None:
    members = read_archive(android.paths[0])
    with zipfile.ZipFile(io.BytesIO(members["classes.jar"])) as jar:
        names = jar.namelist()
        code = jar.read("com/example/tiny/VisionModel.class")
    assert all(name.startswith("com/example/tiny/") for name in names), names
    assert code[6:8] == (52).to_bytes(2, "big"), "class files of Java 8"
    assert b"dev/edgecnn" not in code
    assert b"-keep public class com.example.tiny.*" in members["proguard.txt"]


def test_the_maven_repository(android: PackageResult) -> None:
    folder = android.paths[1] / "com" / "example" / "tiny" / "1.0.0"
    pom = ElementTree.parse(folder / "tiny-1.0.0.pom").getroot()  # noqa: S314 - our own file
    space = {"m": "http://maven.apache.org/POM/4.0.0"}
    assert [pom.findtext(f"m:{key}", namespaces=space) for key in ("groupId", "artifactId", "packaging")] == [
        "com.example",
        "tiny",
        "aar",
    ]
    (dependency,) = pom.findall("m:dependencies/m:dependency", space)
    assert dependency.findtext("m:groupId", namespaces=space) == "com.google.ai.edge.litert"
    aar = folder / "tiny-1.0.0.aar"
    assert aar.read_bytes() == android.paths[0].read_bytes()
    assert (folder / "tiny-1.0.0.aar.sha256").read_text() == hashlib.sha256(aar.read_bytes()).hexdigest()
    listed = ElementTree.parse(folder.parent / "maven-metadata.xml")  # noqa: S314 - our own file
    assert listed.findtext("versioning/release") == "1.0.0"
    with zipfile.ZipFile(folder / "tiny-1.0.0-sources.jar") as jar:
        assert {"com/example/tiny/VisionModel.java", "com/example/tiny/ImageModels.kt"} <= set(jar.namelist())
    readme = (android.paths[1] / "README.md").read_text()
    assert 'implementation("com.example:tiny:1.0.0")' in readme
    assert "import com.example.tiny.VisionModel;" in readme


def test_it_verifies_and_a_tampered_file_is_named(
    android: PackageResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))
    assert edgecnn.verify(android.paths[0], self_test=False).platform == "android"
    members = read_archive(android.paths[0])
    for name in ("classes.jar", MODEL):
        changed = tmp_path / "changed.aar"
        write_zip({**members, name: b"other"}, changed, epoch=10**9)
        with pytest.raises(VerificationFailed, match=f"{name} was changed"):
            edgecnn.verify(changed)


def test_a_library_that_would_not_ship_is_refused(android: PackageResult, tmp_path: Path) -> None:
    members = read_archive(android.paths[0])
    write_zip(members, tmp_path / "a.aar", epoch=10**9)
    with pytest.raises(VerificationFailed, match="which is no multiple of 16384"):
        check_library(tmp_path / "a.aar", tmp_path / "log")
    members["AndroidManifest.xml"] = b"<manifest/>"
    write_zip(members, tmp_path / "b.aar", epoch=10**9, aligned=frozenset({MODEL}))
    with pytest.raises(VerificationFailed, match="aapt2"):
        check_library(tmp_path / "b.aar", tmp_path / "log")


def test_missing_tools_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_run: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(check, "FRAMEWORK", tmp_path / "none.apk")
    with pytest.raises(MissingDependency, match="aapt, android-framework-res, apksigner") as caught:
        check_library(tmp_path / "a.aar", tmp_path / "log")
    assert (caught.value.hint or "").startswith("apt-get install aapt android-framework-res")
    assert caught.value.exit_code == 5
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))
    with pytest.raises(MissingDependency, match="no program javac"):
        edgecnn.package(tiny_run, "android", out=tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == [], "nothing half-made is left"


def test_labels_are_behind_the_model(android: PackageResult) -> None:
    members = read_archive(android.paths[0])
    with zipfile.ZipFile(io.BytesIO(members[MODEL])) as archive:
        assert archive.read("labels.txt") == members["assets/tiny/labels.txt"]


READER = """\
import importlib.util, json, sys
# The package's own start needs a library for USB; its readers are plain modules.
(folder,) = importlib.util.find_spec("tensorflow_lite_support").submodule_search_locations
sys.path.append(folder + "/metadata")
import metadata_schema_py_generated as schema
import schema_py_generated as model_schema
data = open(sys.argv[1], "rb").read()
model = model_schema.Model.GetRootAsModel(data, 0)
entries = [model.Metadata(index) for index in range(model.MetadataLength())]
(entry,) = [entry for entry in entries if entry.Name() == b"TFLITE_METADATA"]
buffer = model.Buffers(entry.Buffer()).DataAsNumpy().tobytes()
assert buffer[4:8] == b"M001"
found = schema.ModelMetadataT.InitFromObj(schema.ModelMetadata.GetRootAsModelMetadata(buffer, 0))
(graph,) = found.subgraphMetadata
(image,), (output,) = graph.inputTensorMetadata, graph.outputTensorMetadata
options = image.processUnits[0].options
print(json.dumps({
    "name": found.name.decode(), "version": found.version.decode(),
    "mean": [float(x) for x in options.mean], "std": [float(x) for x in options.std],
    "color": image.content.contentProperties.colorSpace,
    "labels": output.associatedFiles[0].name.decode(), "kind": output.associatedFiles[0].type,
    "low": [float(x) for x in image.stats.min],
}))
"""


@pytest.mark.slow
def test_googles_reader_understands_the_metadata(
    android: PackageResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGECNN_HOME", str(tmp_path / "home"))
    try:
        python = install("tflite-support").python
    except MissingDependency as error:
        pytest.skip(f"no reader: {error}")
    model = tmp_path / "model.tflite"
    model.write_bytes(read_archive(android.paths[0])[MODEL])
    program = [str(python), "-c", READER, str(model)]
    finished = subprocess.run(program, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    found = json.loads(finished.stdout)
    assert (found["name"], found["version"], found["labels"], found["kind"]) == (
        "tiny",
        "1.0.0",
        "labels.txt",
        2,
    )
    assert (found["mean"], found["std"], found["color"]) == ([120.0, 110.0, 100.0], [60.0, 50.0, 40.0], 1)
    assert found["low"] == pytest.approx([-2.0, -2.2, -2.5])


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("kotlinc") is None, reason="no kotlinc: apt-get install kotlin")
def test_the_kotlin_extensions_compile(android: PackageResult, tmp_path: Path) -> None:
    from edgecnn.packaging.android.java import compile_to, java_sources

    sources = java_sources("com.example.tiny", "tiny")
    classes = compile_to(tmp_path, sources, tmp_path / "log")
    kotlin = tmp_path / "ImageModels.kt"
    kotlin.write_bytes(sources["com/example/tiny/ImageModels.kt"])
    command = ["kotlinc", str(kotlin), "-cp", str(classes), "-d", str(tmp_path / "kotlin")]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert (tmp_path / "kotlin" / "com" / "example" / "tiny" / "ImageModelsKt.class").is_file()
