from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgecnn.ondevice.command import main


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)).save(path)
    return path


def test_photos(bundle: Path, photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(bundle, [str(photo), "--json", "--top", "3"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [set(item) for item in result["classes"]] == [{"label", "index", "probability"}] * 3
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff")
    assert main(bundle, [str(broken), str(photo)]) == 2, "one bad photo does not stop the others"
    captured = capsys.readouterr()
    assert "broken.jpg: " in captured.err
    assert "class" in captured.out


def test_self_test_version_and_benchmark(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(bundle, ["--self-test"]) == 0
    assert "passed: True" in capsys.readouterr().out
    assert main(bundle, ["--version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["runtime"] == "litert"
    assert main(bundle, ["--benchmark", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["photos"] > 0
    assert found["inferences"] > 0


def test_what_cannot_be_done_has_an_exit_code(
    bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(bundle, []) == 2
    assert main(bundle, ["--serve", "--port", "99999"]) == 2
    assert main(bundle, ["--runtime", "coral", "--version"]) == 5
    capsys.readouterr()
    assert main(tmp_path, ["--version", "--json"]) == 4
    assert "manifest.json cannot be read" in json.loads(capsys.readouterr().out)["error"]
    monkeypatch.setitem(sys.modules, "picamera2", None)
    assert main(bundle, ["--camera"]) == 5
    assert "sudo apt install python3-picamera2" in capsys.readouterr().err


def test_the_camera_is_read_until_it_ends(
    bundle: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The calls that picamera2's manual shows; no camera is here, so the pictures are drawn."""

    class Camera:
        left = 2

        def __enter__(self) -> Camera:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def create_still_configuration(self, main: dict[str, object]) -> dict[str, object]:
            return {"main": main}

        def configure(self, configuration: dict[str, object]) -> None:
            assert configuration == {"main": {"size": (1280, 720)}}

        def start(self) -> None:
            pass

        def capture_image(self, stream: str) -> Image.Image:
            assert stream == "main"
            if Camera.left == 0:
                raise KeyboardInterrupt
            Camera.left -= 1
            return Image.new("RGBA", (1280, 720), (9, 99, 200, 255))

    module = type(sys)("picamera2")
    module.Picamera2 = Camera  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "picamera2", module)
    assert main(bundle, ["--camera", "--json"]) == 130
    assert len(capsys.readouterr().out.splitlines()) == 2
