"""References by which a pipeline or a command line names a source of images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.files import exists, is_dir
from edgecnn.data.coco import open_coco
from edgecnn.data.csv_manifest import open_csv_manifest
from edgecnn.data.image_folder import open_image_folder
from edgecnn.data.split import PARTS, take_part
from edgecnn.data.voc import open_voc
from edgecnn.data.yolo_txt import open_yolo

if TYPE_CHECKING:
    from edgecnn.data.base import ImageSource
    from edgecnn.data.files import FileSource

_FASHION_MNIST = "fashion-mnist"
_FORMS = (
    "a dataset is fashion-mnist:train, fashion-mnist:test, a CSV file (path,label), a folder of images, or "
    "with boxes a COCO .json, or a folder of images/ with annotations/ (VOC) or labels/ (YOLO)"
)
_IMAGES = ("images", "JPEGImages")
_VOC = ("annotations", "Annotations")
_YOLO = "labels"
_PARTS = ("train", "val", "valid", "test")


def check_reference(reference: str) -> None:
    """Check that a reference names a dataset, without reading it: a long list of images takes seconds.

    Raises:
        UsageError: The reference has none of the forms of :func:`open_source`.
        InputError: There is no such file or folder.
    """
    family, _, split = reference.partition(":")
    if family == _FASHION_MNIST:
        from edgecnn.data.fashion_mnist import check_split

        check_split(split)
        return
    whole, _, suffix = reference.rpartition("@")
    _kind_of(whole if whole and suffix in PARTS else reference)


def open_source(reference: str, *, cache_dir: Path, allow_fetch: bool = False) -> ImageSource:
    """Open the source that ``reference`` names, without decoding its images.

    Args:
        reference: ``fashion-mnist:train`` or ``fashion-mnist:test``; a CSV file; a folder; a COCO file.
            Files may be followed by ``@train`` or ``@held-out``, a fixed split into 80 % and 20 %.
        cache_dir: Folder of downloaded datasets.
        allow_fetch: Whether a missing well-known dataset may be downloaded.

    Raises:
        UsageError: The reference has none of these forms.
        InputError: The source is missing, empty or broken.
        MissingDependency: A well-known dataset is missing, or could not be downloaded.
    """
    family, _, split = reference.partition(":")
    if family == _FASHION_MNIST:
        from edgecnn.data.fashion_mnist import open_fashion_mnist

        return open_fashion_mnist(split, cache_dir, allow_fetch=allow_fetch)
    whole, _, suffix = reference.rpartition("@")
    for part in PARTS:
        if whole and suffix == part:
            return take_part(_open_files(whole), part)
    return _open_files(reference)


def _open_files(reference: str) -> FileSource:
    path = Path(reference).expanduser()
    kind = _kind_of(reference)
    if kind == ".csv":
        return open_csv_manifest(path)
    return open_coco(path) if kind == ".json" else _open_folder(path)


def _kind_of(reference: str) -> str:
    """Return the ending of a file of images, or an empty text for a folder."""
    path = Path(reference).expanduser()
    if is_dir(path):
        return ""
    if not exists(path):
        raise InputError(f"dataset {reference} does not exist", hint=_FORMS)
    kind = path.suffix.lower()
    if kind not in (".json", ".csv"):
        raise UsageError(f"{reference} is not a dataset", hint=_FORMS)
    return kind


def _open_folder(path: Path) -> FileSource:
    """Open a folder with annotations or one of one sub-folder per class, whichever it is."""
    _refuse_whole(path)
    images = next((path / name for name in _IMAGES if is_dir(path / name)), None)
    if images is not None:
        annotations = next((path / name for name in _VOC if is_dir(path / name)), None)
        if annotations is not None:
            return open_voc(annotations, images)
        if is_dir(path / _YOLO):
            return open_yolo(path / _YOLO, images)
    return open_image_folder(path)


def _refuse_whole(path: Path) -> None:
    """Refuse a folder that holds the parts of a known dataset, one of which must be named.

    Raises:
        InputError: It is COCO's own folder, or one of YOLO's kind with parts for training and validation.
    """
    files = sorted((path / "annotations").glob("*.json"))
    if files and not next((path / "annotations").glob("*.xml"), None):
        boxes = next((file for file in files if file.name.startswith("instances")), files[0])
        raise InputError(f"{path} is the folder of a COCO dataset", hint=f"name its file: {boxes}")
    for part in _PARTS:
        if is_dir(path / part / "images") and is_dir(path / part / _YOLO):
            raise InputError(f"{path} holds the parts of a YOLO dataset", hint=f"name one: {path / part}")
        if is_dir(path / "images" / part) and is_dir(path / _YOLO / part):
            raise InputError(
                f"{path} holds the parts of a YOLO dataset in images/ and {_YOLO}/",
                hint=f"move images/{part} to {part}/images and {_YOLO}/{part} to {part}/{_YOLO}, put a "
                f"classes.txt beside them, and name {path / part}",
            )
