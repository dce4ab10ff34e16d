from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from edgecnn.core.scratch import own_temporary_files, scratch_directory

_HOLD = """
import sys, time
from pathlib import Path
from edgecnn.core.scratch import scratch_directory
with scratch_directory(Path(sys.argv[1]), "work-") as folder:
    (folder / "deep").mkdir()
    (folder / "deep" / "file").write_text("content")
    print(folder, flush=True)
    time.sleep(60)
"""


def hold(parent: Path) -> tuple[subprocess.Popen[str], Path]:
    """Start a process that has a scratch directory; return it with the directory."""
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, str(parent)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    return holder, Path(holder.stdout.readline().strip())


def stop_half_way(file: Path) -> None:
    file.write_text("half")
    raise ValueError("half way")


def test_a_scratch_directory_is_gone_after_its_block_even_if_that_fails(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="half way"), scratch_directory(tmp_path, "work-") as folder:
        stop_half_way(folder / "file")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_uses_is_not(tmp_path: Path) -> None:
    dead, left = hold(tmp_path)
    alive, used = hold(tmp_path)
    try:
        dead.send_signal(signal.SIGKILL)
        dead.wait()
        assert left.is_dir()
        with scratch_directory(tmp_path, "work-"):
            assert not left.exists(), "what the killed process left is still there"
            assert (used / "deep" / "file").is_file(), "a directory in use was removed"
    finally:
        alive.kill()
        alive.wait()


def test_only_directories_with_the_prefix_are_removed(tmp_path: Path) -> None:
    others = [tmp_path / name for name in ("work-longer-than-that", "other-12345678", "work-123")]
    for other in others:
        other.mkdir()
    (tmp_path / "work-87654321").symlink_to(others[0])
    (tmp_path / "work-12345678").mkdir()
    with scratch_directory(tmp_path, "work-"):
        assert all(other.is_dir() for other in others)
        assert (tmp_path / "work-87654321").is_symlink(), "a link is not ours"
        assert not (tmp_path / "work-12345678").exists()


def test_temporary_files_of_this_process_and_of_its_children_are_collected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    tell = "import tempfile; print(tempfile.mkdtemp())"
    with own_temporary_files():
        own = Path(tempfile.mkdtemp())
        child = Path(subprocess.check_output([sys.executable, "-c", tell], text=True).strip())
        assert own.parent == child.parent
        assert own.parent.parent == tmp_path
    assert not own.exists()
    assert not child.exists()
    assert os.environ["TMPDIR"] == tempfile.gettempdir() == str(tmp_path)


def test_a_place_without_room_for_them_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    with own_temporary_files():
        assert tempfile.gettempdir() == str(tmp_path / "missing")
