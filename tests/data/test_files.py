from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgecnn.core.errors import InputError
from edgecnn.core.store.digest_cache import DigestCache
from edgecnn.data.files import FileSource
from edgecnn.ondevice.preprocess import ImageError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def source(tmp_path: Path) -> FileSource:
    (tmp_path / "a.jpg").write_bytes(b"first")
    (tmp_path / "b.jpg").write_bytes(b"second")
    return FileSource(tmp_path, ("a.jpg", "b.jpg"), np.array([1, 0]), ("cat", "dog"))


def test_the_digest_never_changes(source: FileSource) -> None:
    """Digests are in cache keys and manifests: another value means that all work is redone."""
    assert source.digest(DigestCache())[:16] == "577615635464f803"


def test_a_file_that_vanished(source: FileSource) -> None:
    (source.folder / "b.jpg").unlink()
    with pytest.raises(ImageError, match="No such file"):
        source.load(1)
    with pytest.raises(InputError, match=r"b\.jpg cannot be read"):
        source.digest(DigestCache())
