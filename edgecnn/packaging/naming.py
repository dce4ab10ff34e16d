"""Checks of names, versions and licences, which become parts of paths, modules, scripts and Java packages."""

from __future__ import annotations

import keyword
import os
import re
import sys

from edgecnn.backends.registry import runtimes
from edgecnn.core.errors import UsageError

EPOCH = 315_532_800
"""1980-01-01, the earliest date of a zip file and the default date of files."""

_LAST_ZIP_MOMENT = 4_354_819_198
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_LICENCE = re.compile(r"[A-Za-z0-9(][A-Za-z0-9.+() -]{0,199}")
_VERSION = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6}){0,3}((a|b|rc)[0-9]{1,4})?")
_JAVA_WORDS = frozenset(
    """abstract boolean byte case catch char const default do double enum extends final float goto implements
    instanceof int interface long native new package private protected public short static strictfp super
    switch synchronized this throw throws transient void volatile""".split()  # noqa: SIM905
)
_TAKEN = frozenset(
    """numpy pil pillow picamera2 edgecnn pip setuptools wheel uv distutils pkg_resources sitecustomize
    usercustomize conftest torch torchvision timm onnx openvino tensorflow jax""".split()  # noqa: SIM905
)
"""Modules that packages use, that Python or an installer imports unasked, or that no model may replace."""


def module_name(text: str) -> str:
    """Return the name of a package's Python module, which is also its command.

    Args:
        text: Name given by the user or the pipeline.

    Raises:
        UsageError: The name is not a valid module name, or is reserved.

    >>> module_name("EfficientNet-Lite0")
    'efficientnet_lite0'
    """
    name = text.lower().replace("-", "_").replace(".", "_") if not text.startswith(".") else text
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{text!r} cannot be a package's name",
            hint="letters, digits and '-', a letter first: --name birds",
        )
    reserved = keyword.iskeyword(name) or name in _JAVA_WORDS | _TAKEN | _runtime_modules()
    if reserved or name in sys.stdlib_module_names:
        raise UsageError(f"a package cannot be called {text!r}: that name is taken", hint="give one: --name")
    return name


def _runtime_modules() -> set[str]:
    """Return the modules of the runtimes that packages use."""
    return {record.distribution.replace("-", "_") for record in runtimes().values() if record.ships}


def package_version(text: str) -> str:
    """Return a version that Python's and Maven's tools order in the same way.

    Raises:
        UsageError: The text is not such a version.

    >>> package_version("1.2.0rc1")
    '1.2.0rc1'
    """
    if not _VERSION.fullmatch(text):
        raise UsageError(f"{text!r} is no version of a package", hint="such as 1.0.0 or 2.1rc1")
    return text


def licence_expression(text: str | None) -> str | None:
    """Return a licence that looks like an SPDX expression; None stays None.

    Raises:
        UsageError: It contains characters that no expression has, or begins with one that none begins with.
    """
    if text is not None and not _LICENCE.fullmatch(text):
        raise UsageError(f"{text!r} is no licence", hint="an SPDX expression, such as CC-BY-4.0")
    return text


def java_package(text: str) -> str:
    """Return a Java package of at least two parts.

    Raises:
        UsageError: The text is not such a package.

    >>> java_package("com.example.birds")
    'com.example.birds'
    """
    parts = text.split(".")
    if len(parts) < 2 or not all(_NAME.fullmatch(part) and part not in _JAVA_WORDS for part in parts):
        raise UsageError(f"{text!r} is no Java package", hint="such as --java-package com.example.birds")
    return text


def source_date_epoch() -> int:
    """Return the date of files, in seconds since 1970.

    It is ``SOURCE_DATE_EPOCH`` if that is set (reproducible-builds.org), otherwise a fixed date, so that the
    same inputs give the same bytes.

    Raises:
        UsageError: The variable is not a date that a zip file can store.
    """
    text = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not text:
        return EPOCH
    if not (text.isascii() and text.isdigit() and len(text) <= 12):
        raise UsageError(f"SOURCE_DATE_EPOCH {text!r} is not a number of seconds since 1970")
    return min(max(int(text), EPOCH), _LAST_ZIP_MOMENT)
