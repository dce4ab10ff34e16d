"""Stage ``lower``: what its key holds; whole runs show what it writes."""

from __future__ import annotations

import pytest

from edgecnn.backends.registry import formats
from edgecnn.core.errors import UsageError
from edgecnn.pipeline.stages.lower import lower_stage


def test_a_stage_depends_on_the_packages_of_its_format() -> None:
    for name, record in formats().items():
        stage = lower_stage(name)
        assert set(record.lower.distributions) <= set(stage.packages)
        assert stage.version == record.lower.version


def test_an_unknown_format_has_no_stage() -> None:
    with pytest.raises(UsageError, match="onxn"):
        lower_stage("onxn")
