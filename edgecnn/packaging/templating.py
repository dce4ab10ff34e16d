"""Text generated from templates, which are beside the code and ship with it."""

from __future__ import annotations

from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2

_FOLDERS = ("templates", "raspberry_pi/templates", "android/templates")


def render(template: str, **values: Any) -> str:
    """Fill in a template; a missing value is an error.

    Args:
        template: Its file name, without ``.j2``.
        values: Values of its variables.
    """
    return _environment().get_template(f"{template}.j2").render(**values)


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    import jinja2

    root = resources.files("edgecnn.packaging")
    loader = jinja2.FileSystemLoader([str(root / folder) for folder in _FOLDERS])
    return jinja2.Environment(
        loader=loader,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 - Markdown, shell and Java, not HTML
    )
