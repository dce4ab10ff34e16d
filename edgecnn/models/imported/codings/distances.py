"""Distances to the four sides, plain, exponential or as distributions; centres with exponential sides.

A level has a map of boxes and one of classes, perhaps one of an objectness, or one map of boxes and classes.
"""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

from edgecnn.models.imported.codings.guess import Guess, LevelParts, some, whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edgecnn.models.imported.raw_maps import MapLevel
    from edgecnn.models.imported.tail import Tail
    from edgecnn.ondevice.detector import BoxCoding, ScoreCoding

_SIDES = 4
_BINS = (8, 16, 17)
"""Numbers of distances that families use."""
_LONG = 64
"""A stride that NanoDet-Plus and PicoDet have, and NanoDet does not."""
_MAPS, _MAPS_WITH_OBJECTNESS = 2, 3


def distances(
    levels: Sequence[MapLevel],
    tail: Tail,  # noqa: ARG001 - other codings read their anchors from it
) -> Iterator[Guess]:
    """Yield the guesses for levels of separate maps, and for levels of one map."""
    counts = {len(level.maps) for level in levels}
    if counts == {1}:
        yield from _joined(levels)
    elif counts in ({_MAPS}, {_MAPS_WITH_OBJECTNESS}):
        yield from _separate(levels)


def _separate(levels: Sequence[MapLevel]) -> Iterator[Guess]:
    """Yield guesses of boxes and classes, in every order in which all levels have the same boxes."""
    for order in permutations(range(len(levels[0].maps))):
        maps = [[level.maps[place] for place in order] for level in levels]
        same = {tuple(part.channels for part in level) for level in maps}
        sides, _, *objectness = same.pop()
        bins = sides // _SIDES
        if same or sides % _SIDES or bins not in (1, *_BINS) or objectness not in ([], [1]):
            continue
        found = []
        for level, parts in zip(levels, maps, strict=True):
            boxes, scores, *others = (whole(part.name, part.channels) for part in parts)
            found.append(LevelParts(level.stride, boxes, scores, others[0] if others else None))
        yield from _coded(tuple(found), bins)


def _joined(levels: Sequence[MapLevel]) -> Iterator[Guess]:
    """Yield guesses of one map, with the classes before the distribution or behind it."""
    channels, *others = {level.maps[0].channels for level in levels}
    for bins in () if others else _BINS:
        sides = bins * _SIDES
        for first, boxes, scores in (
            (channels - sides, range(channels - sides, channels), range(channels - sides)),
            (sides, range(sides), range(sides, channels)),
        ):
            if 0 < first < channels:
                names = [(level.stride, level.maps[0].name) for level in levels]
                found = [LevelParts(stride, some(name, boxes), some(name, scores)) for stride, name in names]
                yield from _coded(tuple(found), bins)


def _coded(levels: tuple[LevelParts, ...], bins: int) -> Iterator[Guess]:
    """Yield every coding of these parts, the usual one first."""
    objectness = levels[0].objectness is not None
    if bins > 1:
        family = _distribution_family(levels, bins)
        roots: tuple[ScoreCoding, ...] = ("sigmoid-root", "sigmoid") if objectness else ("sigmoid",)
        for offset in (0.0, 0.5) if family == "nanodet-plus" else (0.5, 0.0):
            for scores in roots:
                yield Guess(family, levels, "dfl", scores, bins, offset)
    elif objectness:
        yield Guess("yolox", levels, "yolox")
    else:
        plain: tuple[BoxCoding, ...] = ("ltrb-signed", "ltrb", "ltrb-exp")
        for offset, family in ((0.5, "yolo26"), (0.0, "rtmdet")):
            for boxes in plain:
                yield Guess(family, levels, boxes, offset=offset)
        yield Guess("yolox", levels, "yolox")


def _distribution_family(levels: Sequence[LevelParts], bins: int) -> str:
    if bins > min(_BINS):
        return "yolov8" if bins < max(_BINS) else "ppyoloe"
    if max(level.stride for level in levels) < _LONG:
        return "nanodet"
    return "picodet" if levels[0].boxes.whole else "nanodet-plus"
