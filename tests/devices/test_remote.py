"""Devices behind ssh and adb: a real sshd on this machine, and a stand-in for adb."""

from __future__ import annotations

import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgecnn.core.errors import EdgecnnError, InputError, MissingDependency, UsageError, WorkerError
from edgecnn.devices.registry import open_device
from tests.support import tiny_models as tiny

# What `adb -s SERIAL shell|exec-out|push` does, with a folder here as the device's /data/local/tmp.
ADB = """\
#!{python}
import shutil, subprocess, sys, threading
HERE, THERE = "{root}", "/data/local/tmp"
serial, verb, rest = sys.argv[2], sys.argv[3], sys.argv[4:]
if serial != "R58M12ABCDE":
    sys.exit(f"adb: device '{{serial}}' not found")
if verb == "push":
    shutil.copyfile(rest[0], rest[1].replace(THERE, HERE))
    sys.exit()
line = rest[-1].replace(THERE, HERE).replace("python3", "{python}")
if verb == "exec-out":
    sys.exit(subprocess.run(["sh", "-c", line]).returncode)
child = subprocess.Popen(["sh", "-c", line], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
def feed():
    for text in sys.stdin:
        child.stdin.write(text.replace(THERE, HERE))
        child.stdin.flush()
    child.stdin.close()
threading.Thread(target=feed, daemon=True).start()
for text in child.stdout:
    print(text.replace(HERE, THERE), end="", flush=True)
sys.exit(child.wait())
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_openvino(tmp_path_factory.mktemp("model") / "tiny.xml")


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of this machine as a device behind a real sshd on a port of its own."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None or shutil.which("ssh") is None:
        pytest.skip("no sshd here: apt-get install openssh-server")
    folder = tmp_path_factory.mktemp("sshd")
    for key in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / key)], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder / 'host'}\nStrictModes no\nUsePAM no\n"
        f"AuthorizedKeysFile {folder / 'user.pub'}\nPidFile none\nPermitRootLogin yes\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    server = subprocess.Popen([program, "-D", "-e", "-f", str(folder / "config")], stderr=subprocess.DEVNULL)
    wrapper = folder / "ssh"
    options = f"-i {folder / 'user'} -F none -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null"
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -o LogLevel=ERROR {options} "$@"\n')
    wrapper.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        _wait_for(port)
        yield f"ssh://127.0.0.1:{port}?python={sys.executable}"
    server.kill()
    server.wait()


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < deadline, "sshd did not start"
            time.sleep(0.1)
        else:
            return


@pytest.fixture
def adb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a device behind the stand-in for adb."""
    (tmp_path / "device").mkdir()
    program = tmp_path / "bin" / "adb"
    program.parent.mkdir()
    program.write_text(ADB.format(python=sys.executable, root=tmp_path / "device"))
    program.chmod(program.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    return "adb:R58M12ABCDE"


def use(device_name: str, model: Path, tmp_path: Path, runtime: str = "openvino") -> None:
    """Evaluate, run and time the tiny network on a device, and compare with the right answer."""
    pictures = tiny.images(20)
    np.save(tmp_path / "images.npy", pictures)
    with open_device(device_name) as device:
        assert device.host().machine == os.uname().machine
        assert device.cpus()
        with device.open(runtime, model, log=tmp_path / "log", cpus=device.cpus()[-1:]) as session:
            (tmp_path / "out").mkdir()
            done = session.evaluate(tmp_path / "images.npy", tiny.CONTRACT, tmp_path / "out")
            (one,) = session.run([np.zeros((1, 3, 8, 8), np.float32)])
            times = session.time(5, warmup=1)
            assert session.costs().peak_bytes > 1 << 20
    np.testing.assert_allclose(done.outputs[0], tiny.expected(pictures), atol=1e-4)
    np.testing.assert_array_equal(one, np.zeros((1, 5), np.float32))
    assert (times.own_ns > 0).all()


def test_a_device_behind_ssh_does_all_that_this_machine_does(sshd: str, model: Path, tmp_path: Path) -> None:
    before = set(Path("/tmp").glob("edgecnn.*"))  # noqa: S108
    use(sshd, model, tmp_path)
    assert set(Path("/tmp").glob("edgecnn.*")) <= before, "the runner was left on the device"  # noqa: S108


def test_a_device_behind_adb_does_all_that_this_machine_does(adb: str, model: Path, tmp_path: Path) -> None:
    use(adb, tiny.write_onnx(tmp_path / "tiny.onnx"), tmp_path, "onnxruntime")
    assert not list((tmp_path / "device").iterdir()), "the runner was left on the device"


def test_a_device_that_disappears_in_the_middle_is_named(sshd: str, model: Path, tmp_path: Path) -> None:
    with open_device(sshd) as device:
        session = device.open("openvino", model, log=tmp_path / "log")
        session._channel._process.kill()  # the connection goes, as when a cable is pulled
        with pytest.raises(WorkerError, match=r"openvino running tiny\.xml on ssh://127\.0\.0\.1"):
            session.time(1)
        session.kill()


def test_a_device_that_is_not_there_is_named(adb: str, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="device 'OTHER' not found"), open_device("adb:OTHER"):
        pass
    with pytest.raises(WorkerError, match=r"ssh://127\.0\.0\.1:1"), open_device("ssh://127.0.0.1:1"):
        pass


def test_a_device_without_the_interpreter_or_the_runtime_says_so(
    sshd: str, model: Path, tmp_path: Path
) -> None:
    other = sshd.replace(sys.executable, "/nowhere/python")
    with pytest.raises(WorkerError, match="/nowhere/python"), open_device(other):
        pass
    with open_device(sshd) as device:
        with pytest.raises(MissingDependency, match="tflite-runtime"):
            device.open("tflite-runtime", model, log=tmp_path / "log")
        with pytest.raises(InputError, match="no model file"):
            device.open("openvino", tmp_path / "none.xml", log=tmp_path / "log")


def test_without_adb_the_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingDependency, match="no program adb") as caught, open_device("adb:X"):
        pass
    assert "apt-get install adb" in (caught.value.hint or "")


@pytest.mark.parametrize(
    "name",
    [
        *("remote", "qemu:raspberry-pi-9", "ssh:pi@host", "ssh://-oProxyCommand=touch", "ssh://a b"),
        *("ssh://pi:secret@host", "ssh://host/path", "ssh://host:port", "ssh://host?shell=x"),
        *("adb:", "adb:-x", "adb:a b", "adb:x?python=python"),
    ],
)
def test_a_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(UsageError) as caught, open_device(name):
        pass
    assert isinstance(caught.value, EdgecnnError)
    assert "\n" not in caught.value.message
