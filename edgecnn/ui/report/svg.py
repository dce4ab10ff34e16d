"""A canvas for the charts of reports: text, lines, marks and bars as plain SVG."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# People with a colour vision deficiency can distinguish these colours (Okabe and Ito).
BLUE, SKY, ORANGE, RED = "#0072B2", "#56B4E9", "#E69F00", "#D55E00"
BLACK, GREY, WHITE = "#000000", "#999999", "#ffffff"
_GRID = "#dddddd"
_LEGEND_TOP, _LEGEND_SIDE = 28, 10


class Canvas:
    """A picture that is drawn element by element; later elements cover earlier ones.

    Coordinates are pixels from the left and the top; those of a text refer to its baseline.

    Args:
        width: Width of the picture.
        height: Its height.
        title: Text at the top.
    """

    def __init__(self, width: float, height: float, title: str) -> None:
        self._elements = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_number(width)}" height="{_number(height)}" '
            'font-family="sans-serif" font-size="11">',
            f'<rect width="100%" height="100%" fill="{WHITE}"/>',
            f'<text x="8" y="18" font-size="13">{escape(title)}</text>',
        ]

    def text(
        self, x: float, y: float, content: str, anchor: Literal["start", "middle", "end"] = "start"
    ) -> None:
        """Write a line of text; ``anchor`` names the part of it at ``x``."""
        place = "" if anchor == "start" else f' text-anchor="{anchor}"'
        self._elements.append(f'<text x="{_number(x)}" y="{_number(y)}"{place}>{escape(content)}</text>')

    def line(self, points: Iterable[tuple[float, float]], color: str) -> None:
        """Draw straight lines from point to point."""
        trace = " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
        self._elements.append(f'<polyline points="{trace}" fill="none" stroke="{color}"/>')

    def mark(
        self, x: float, y: float, color: str, *, radius: float = 4, hollow: bool = False, hint: str = ""
    ) -> None:
        """Draw a circle; ``hint`` is its tooltip."""
        look = f'fill="{WHITE if hollow else color}" stroke="{color}"'
        title = f"<title>{escape(hint)}</title>" if hint else ""
        place = f'cx="{_number(x)}" cy="{_number(y)}" r="{_number(radius)}"'
        self._elements.append(f"<circle {place} {look}>{title}</circle>")

    def bar(self, x: float, y: float, width: float, height: float, color: str) -> None:
        """Draw a filled rectangle from its upper left corner."""
        place = f'x="{_number(x)}" y="{_number(y)}" width="{_number(width)}" height="{_number(height)}"'
        self._elements.append(f'<rect {place} fill="{color}"/>')

    def grid(self, lines: Iterable[tuple[float, str]], top: float, bottom: float) -> None:
        """Draw vertical lines from ``top`` to ``bottom``, each with its label above."""
        for x, label in lines:
            self.line([(x, top), (x, bottom)], _GRID)
            self.text(x, top - 4, label, "middle")

    def legend(self, entries: Sequence[tuple[str, str]], step: float, left: float = 8) -> None:
        """Write the meanings of colors, ``(color, label)``, side by side under the title."""
        for index, (color, label) in enumerate(entries):
            x = left + step * index
            self.bar(x, _LEGEND_TOP, _LEGEND_SIDE, _LEGEND_SIDE, color)
            self.text(x + _LEGEND_SIDE + 5, _LEGEND_TOP + 9, label)

    def svg(self) -> str:
        """Return the picture as an SVG document."""
        return "\n".join([*self._elements, "</svg>\n"])


def shorten(name: str, most: int) -> str:
    """Return a name of at most ``most`` characters, with dots for the omitted part.

    >>> shorten("features.0.conv", 12), shorten("conv", 12)
    ('features....', 'conv')
    """
    return name if len(name) <= most else f"{name[: most - 3]}..."


def _number(value: float) -> str:
    """Return a number of pixels, with one decimal if it is not whole."""
    return f"{value:.1f}".removesuffix(".0")
