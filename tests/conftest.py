"""Fixtures of more than one package: the shared test data, and small datasets made on the spot."""

from __future__ import annotations

import contextlib
import gzip
import os
import struct
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import settings
from PIL import Image

from tests.support.units import LoadByUnit, rank_of

PROJECT = Path(__file__).parents[1]

# Small networks are quicker on one thread, and sums keep their order. Several processes test on the same
# cores: the threads of one operation would wait for those of the others. torch reads it at its import.
os.environ["OMP_NUM_THREADS"] = "1"

# How long an example takes is the machine's affair.
settings.register_profile("shared machine", deadline=None)
settings.load_profile("shared machine")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadByUnit:
    """Choose how tests are shared out among processes."""
    return LoadByUnit(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the tests of the longest units first where several processes share them out."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: rank_of(item.nodeid.partition("::")[0]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, object, object]:
    """Keep the environment the same for all tests, so that one process forks the children of many."""
    _say_what_all_tests_say()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Keep the environment the same for all tests."""
    _say_what_all_tests_say()
    return (yield)


def _say_what_all_tests_say() -> None:
    """Replace the name of the test and its phase, which pytest puts into the environment."""
    os.environ["PYTEST_CURRENT_TEST"] = "a test"


@pytest.fixture(scope="module")
def warm() -> Iterator[None]:
    """Processes with imported libraries, from which the children of a module's tests are forked."""
    from edgecnn.core.warm import warm_processes

    with warm_processes():
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real photos and models; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("EDGECNN_TEST_DATA", PROJECT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no test data: neither EDGECNN_TEST_DATA nor {folder} is there")
    return folder


@pytest.fixture(scope="session")
def imagenet(shared_data: Path) -> Path:
    """500 ImageNet photos with ``eval.csv``, ``calibration.csv`` and ``classes.txt``."""
    return shared_data / "imagenet"


@pytest.fixture(scope="session")
def picture_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image folder: 3 classes of 4 JPEGs, of several sizes, that a network can tell apart."""
    folder = tmp_path_factory.mktemp("pictures")
    for label, name in enumerate(("bars", "disc", "slope")):
        (folder / name).mkdir()
        for number in range(4):
            height, width = 40 + 8 * number, 72 - 8 * number
            Image.fromarray(picture(label, number, height, width)).save(folder / name / f"{number}.jpg")
    return folder


@pytest.fixture(scope="session")
def fashion_mnist_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The four IDX files of Fashion-MNIST in miniature: 60 + 20 gray pictures of 28x28, 10 labels."""
    folder = tmp_path_factory.mktemp("fashion-mnist")
    for prefix, count in (("train", 60), ("t10k", 20)):
        images = np.stack([picture(index % 3, index, 28, 28)[..., 0] for index in range(count)])
        labels = np.arange(count, dtype=np.uint8) % 10
        write_idx(folder / f"{prefix}-images-idx3-ubyte.gz", images)
        write_idx(folder / f"{prefix}-labels-idx1-ubyte.gz", labels)
    return folder


@pytest.fixture(scope="session")
def npu_home(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of edgecnn that holds the vendor tools CI installs: Vela, TOSA and TFLite-Micro."""
    from edgecnn.core.errors import MissingDependency
    from edgecnn.core.toolchains.install import install

    own = tmp_path_factory.getbasetemp()
    home = (own.parent if hasattr(pytestconfig, "workerinput") else own) / "npu-home"  # one for all processes
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGECNN_HOME", str(home))
        for name in ("vela", "tosa", "tflm"):
            try:
                install(name)
            except MissingDependency as error:
                pytest.skip(f"no vendor tools: {error}")
    return home


@pytest.fixture(scope="session")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home of edgecnn that holds the emulated Raspberry Pis: the user's, or one made for the tests."""
    from edgecnn.core.config import paths
    from edgecnn.core.errors import MissingDependency
    from edgecnn.core.toolchains.emulation import NAME
    from edgecnn.core.toolchains.environment import require
    from edgecnn.core.toolchains.install import install

    with contextlib.suppress(MissingDependency):
        require(NAME)
        return paths.home()
    home = tmp_path_factory.mktemp("emulated")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EDGECNN_HOME", str(home))
        try:
            install(NAME)
        except MissingDependency as error:
            pytest.skip(f"no emulation: {error}")
    return home


@pytest.fixture
def qnn_home() -> None:
    """Qualcomm's toolchain in the user's home; tests that need it are skipped where it is not installed."""
    _need_toolchain("qnn")


@pytest.fixture
def rknn_home() -> None:
    """Rockchip's toolchain in the user's home; tests that need it are skipped where it is not installed."""
    _need_toolchain("rknn")


def _need_toolchain(name: str) -> None:
    from edgecnn.core.errors import MissingDependency
    from edgecnn.core.toolchains.environment import require

    try:
        require(name)
    except MissingDependency as error:
        pytest.skip(f"{error}: {error.hint}")


def picture(kind: int, seed: int, height: int, width: int) -> npt.NDArray[np.uint8]:
    """Draw bars (0), a disc (1) or a slope (2) with a little noise, uint8 ``[height, width, 3]``."""
    random = np.random.default_rng(1000 * kind + seed)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    shape = (np.sin(x * 40) > 0, (x - 0.4) ** 2 + (y - 0.4) ** 2 < 0.09, x + y)[kind].astype(np.float64)
    color = random.uniform(80, 200, 3)
    pixels: npt.NDArray[np.float64] = 30 + shape[..., None] * color + random.normal(0, 6, (height, width, 3))
    return np.clip(pixels, 0, 255).astype(np.uint8)


def write_idx(file: Path, values: npt.NDArray[np.uint8]) -> None:
    """Write unsigned bytes as a gzipped IDX file."""
    header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    file.write_bytes(gzip.compress(header + values.tobytes(), mtime=0))
