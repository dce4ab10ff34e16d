"""Campaign against every parser: any file ends in data or in one line, soon and in little memory."""

from __future__ import annotations

import pytest

from tests.campaigns.parser_inputs import CORPUS, GROUPS
from tests.campaigns.report import Recorder, main

NAME = "parsers"
MOST_BYTES = 1_000_000_000


def parser_inputs(recorder: Recorder, count: int, seed: int) -> None:
    """Let every parser read the corpus and ``count`` changed files, each group in a process of its own."""
    shares = sum(group.share for group in GROUPS.values())
    left, left_shares = count, shares
    for name, group in GROUPS.items():
        part = round(left * group.share / left_shares)
        recorder.part("tests.campaigns.parser_group", name, "--count", str(part), "--seed", str(seed))
        left, left_shares = left - part, left_shares - group.share
    tried, files = recorder.result().tried, len(list(CORPUS.iterdir()))
    assert tried == count + files, f"{tried} attempts, not {count} and {files} of the corpus"


@pytest.mark.slow
def test_changed_files_end_in_data_or_one_line() -> None:
    recorder = Recorder(NAME)
    parser_inputs(recorder, 3000, seed=0)
    result = recorder.result()
    result.check()
    assert result.peak_bytes < MOST_BYTES


if __name__ == "__main__":
    main(NAME, parser_inputs, count=100_000)
