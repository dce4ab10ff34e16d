"""A task in a distribution of its own goes through a whole run: nothing in edgecnn knows of it."""

from __future__ import annotations

import json
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgecnn.core.store.manifest import Artifact
from tests.support.extensions import edgecnn, install, python

PIPELINE = """\
name: toy
model: {{name: "python:toy_task.network:BrightnessNetwork"}}
preprocessing: {{height: 32, width: 32, resize: squash}}
data: {{train: "{photos}", eval: "{photos}", calibration: {{count: 16}}}}
train: {{epochs: 30, batch_size: 12, batch_norm_momentum: 0.3, optimizer: {{lr: 0.01}}}}
verification: {{images: 8}}
benchmark: null
targets: [tflite-int8]
budgets: {{"*": {{least_closeness: 60 %}}}}
"""


@dataclass(frozen=True)
class Toy:
    """The installed distribution, and a run of its task."""

    site: Path
    folder: Path
    photos: Path
    run: Path


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Toy:
    folder = tmp_path_factory.mktemp("toy")
    site = install("toy_task", tmp_path_factory.mktemp("site"))
    photos, random = folder / "photos", np.random.default_rng(0)
    (photos / "all").mkdir(parents=True)
    for number in range(48):
        pixels = (random.integers(0, 60, (40, 40, 3)) + 4 * number).astype(np.uint8)
        Image.fromarray(pixels).save(photos / "all" / f"{number:02}.png")
    (folder / "toy.yaml").write_text(PIPELINE.format(photos=photos))
    done = edgecnn(folder, [site], "run", "toy.yaml", "--out", str(folder / "out"))
    assert done.returncode == 0, done.stdout + done.stderr
    return Toy(site, folder, photos, folder / "out")


def test_it_is_trained_exported_verified_and_reported(toy: Toy) -> None:
    manifest = json.loads((toy.run / "artifacts" / "tflite-int8" / "manifest.json").read_text())
    assert manifest["task"] == {"kind": "brightness", "digits": 3}
    assert manifest["precision"] == "int8"
    assert [link["number"] for link in manifest["verification"]] == [1, 2, 3, 4]
    assert manifest["metrics"]["metric"] == "closeness"
    assert manifest["metrics"]["value"] > 0.9, manifest["metrics"]
    assert "closeness" in (toy.run / "summary.md").read_text()
    assert manifest["tools"]["edgecnn-toy-task"] == "1.0"


def test_a_budget_binds_its_own_metric_from_the_metrics_own_side(toy: Toy) -> None:
    manifest = Artifact.open(toy.run / "artifacts" / "tflite-int8").manifest
    budget = next(budget for budget in manifest.budgets if budget.name == "least_closeness")
    assert (budget.limit, budget.passed) == (0.6, True)
    assert budget.measured is not None
    assert 0.6 < budget.measured < 1.0, "at least, not at most"
    (toy.folder / "strict.yaml").write_text("budgets: {tflite-int8: {least_closeness: 99.99 %}}\n")
    for options, code in (((), 0), (("--budgets", "strict.yaml"), 3)):
        done = edgecnn(toy.folder, [toy.site], "check", str(toy.run), *options)
        assert done.returncode == code, done.stdout + done.stderr
    assert "99.99 %" in done.stdout + done.stderr


def test_a_budget_on_what_no_task_measures_is_refused_with_the_nearest_name(toy: Toy) -> None:
    done = edgecnn(toy.folder, [toy.site], "run", "toy.yaml", "budgets.*.least_closenes=1 %")
    assert done.returncode == 2
    assert "unknown key 'budgets.*.least_closenes'" in done.stderr
    assert "did you mean 'least_closeness'?" in done.stderr


def test_without_the_distribution_its_budget_is_no_number_to_hold_low(toy: Toy) -> None:
    done = edgecnn(toy.folder, [], "check", str(toy.run))
    assert done.returncode == 2
    assert "no task that is installed has the metric 'least_closeness'" in done.stderr
    done = edgecnn(toy.folder, [], "run", "toy.yaml")
    assert done.returncode == 2
    assert "unknown key 'budgets.*.least_closeness'" in done.stderr


def test_its_distribution_is_in_the_key(toy: Toy) -> None:
    code = "from pathlib import Path; from edgecnn.pipeline.keys import input_versions; import sys; "
    code += "print(input_versions([Path(sys.argv[1])]))"
    (checkpoint, *_) = sorted(path.parent for path in toy.folder.rglob("spec.json"))
    found = python(toy.folder, [toy.site], "-c", code, str(checkpoint))
    assert found.stdout.strip() == "{'edgecnn-toy-task': '1.0'}", found.stderr


def test_its_wheel_proves_itself(toy: Toy, tmp_path: Path) -> None:
    options = ("--for", "raspberry-pi", "--out", str(tmp_path), "--json")
    done = edgecnn(toy.folder, [toy.site], "package", str(toy.run), *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["self_test"]["passed"]


@pytest.mark.skipif(shutil.which("javac") is None, reason="javac is not installed")
def test_its_android_library_proves_itself(toy: Toy, tmp_path: Path) -> None:
    artifact = str(toy.run / "artifacts" / "tflite-int8")
    done = python(toy.folder, [toy.site], "-m", "tests.support.android", artifact, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["passed"]


def test_the_package_predicts_without_the_distribution(toy: Toy, tmp_path: Path) -> None:
    options = ("--for", "raspberry-pi", "--out", str(tmp_path), "--json")
    made = edgecnn(toy.folder, [toy.site], "package", str(toy.run), *options)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        wheel.extractall(tmp_path / "device")
    assert made.returncode == 0, made.stderr
    photo = str(toy.photos / "all" / "24.png")
    found = python(toy.folder, [tmp_path / "device"], "-m", "toy", photo, "--json")
    assert found.returncode == 0, found.stderr
    with Image.open(photo) as picture:
        truth = np.asarray(picture).mean() / 255.0
    assert json.loads(found.stdout)["values"][0]["brightness"] == pytest.approx(truth, abs=0.1)


def test_without_the_distribution_its_files_are_refused_in_one_line(toy: Toy) -> None:
    artifact = str(toy.run / "artifacts" / "tflite-int8")
    done = edgecnn(toy.folder, [], "eval", artifact, "--data", str(toy.photos))
    assert done.returncode == 2
    assert "there is no task 'brightness'; installed are classification, detection" in done.stderr
    assert "Traceback" not in done.stderr
