import json
import shutil
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import optuna
import pytest

from edgecnn.core.config.search import SearchBudgets
from edgecnn.core.documents.search import Combination, Outcome, Ratio, SearchResult, Space, TargetOutcome
from edgecnn.core.errors import EdgecnnError, InputError, MissingDependency, UsageError
from edgecnn.core.store.digest import digest_json
from edgecnn.pipeline.search.halving import COSTS, Halving
from edgecnn.pipeline.search.result import cheapest, rank
from edgecnn.pipeline.search.study import Measure, Study, open_study

SPACE = Space(
    budgets={"onnx-int8": SearchBudgets(accuracy_drop=0.01, latency_ratio=0.5)},
    widths=(0.25, 0.5, 0.75),
    heights=(None,),
    quantizations=("fp32", "int8"),
    macs=(1.0,),
    factor=2,
    epochs=(1, 2),
)
GOLDEN = Path(__file__).parents[2] / "core" / "documents" / "golden"
IDENTITY = {"pipeline": "abc", "processor": "a CPU"}


def measure(combination: Combination, rung: int, ahead: int = 1) -> Outcome:
    """Return what is cheaper and loses more the narrower it is."""
    width = combination.width or 1.0
    ratio = width * (0.6 if combination.quantization == "int8" else 1.0)
    accuracy = None if rung == COSTS else 0.88 + 0.03 * width
    target = TargetOutcome(
        size=100, latency=Ratio(ratio=ratio, low=0.99 * ratio, high=1.01 * ratio), accuracy=accuracy
    )
    return Outcome(targets={"onnx-int8": target}, original=None if rung == COSTS else 0.9)


class Counting:
    """Counts what is measured."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[Combination, int]] = Counter()

    def __call__(self, combination: Combination, rung: int, ahead: int) -> Outcome:
        self.counts[combination, rung] += 1
        return measure(combination, rung, ahead)


def opened(location: str, measure: Measure = measure, space: Space = SPACE) -> Study:
    return open_study(location, "mine", IDENTITY, space, measure)


def journal(folder: Path) -> str:
    return str(folder / "study.journal")


def everything(study: Study) -> dict[int, dict[Combination, Outcome]]:
    return {rung: study.outcomes(rung) for rung in (COSTS, *study.space.rungs)}


@pytest.mark.parametrize("storage", ["{folder}/study.journal", "sqlite:///{folder}/study.db"])
def test_what_was_measured_is_not_measured_again(storage: str, tmp_path: Path) -> None:
    location = storage.format(folder=tmp_path)
    first, again = Counting(), Counting()
    study = opened(location, first)
    Halving(SPACE, study).run()
    assert set(first.counts.values()) == {1}
    later = opened(location, again)
    Halving(SPACE, later).run()
    assert not again.counts
    assert everything(later) == everything(study)


def test_a_trial_that_was_interrupted_is_tried_again(tmp_path: Path) -> None:
    def interrupted(combination: Combination, rung: int, ahead: int) -> Outcome:
        if rung == 2:
            raise KeyboardInterrupt
        return measure(combination, rung)

    with pytest.raises(KeyboardInterrupt):
        Halving(SPACE, opened(journal(tmp_path), interrupted)).run()
    counting = Counting()
    study = opened(journal(tmp_path), counting)
    Halving(SPACE, study).run()
    assert {rung for _, rung in counting.counts} == {2}, "only what was not finished is measured"
    assert everything(study) == _straight(tmp_path / "straight")


def _straight(folder: Path) -> dict[int, dict[Combination, Outcome]]:
    """Return what a search measures that nothing interrupted."""
    study = opened(journal(folder))
    Halving(SPACE, study).run()
    return everything(study)


def test_what_a_killed_process_had_claimed_is_done_by_another(tmp_path: Path) -> None:
    opened(journal(tmp_path)).claim(SPACE.combinations()[0], COSTS)
    study = opened(journal(tmp_path))
    Halving(SPACE, study).run()
    assert everything(study) == _straight(tmp_path / "straight")


def test_several_workers_share_the_trials_and_agree(tmp_path: Path) -> None:
    counting = Counting()
    studies = [opened(journal(tmp_path), counting) for _ in range(2)]
    workers = [threading.Thread(target=Halving(SPACE, study).run) for study in studies]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)
    straight = _straight(tmp_path / "straight")
    found = everything(opened(journal(tmp_path)))
    assert {rung: set(known) >= set(straight[rung]) for rung, known in found.items()} == dict.fromkeys(
        found, True
    )
    assert found[COSTS] == straight[COSTS]
    assert sum(counting.counts.values()) < 2 * sum(len(known) for known in straight.values()), (
        "two workers must not both do everything"
    )


def test_optunas_own_tools_read_the_study(tmp_path: Path) -> None:
    study = opened(journal(tmp_path))
    Halving(SPACE, study).run()
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(journal(tmp_path)))
    loaded = optuna.load_study(study_name="mine", storage=storage)
    assert loaded.best_trials, "Optuna must find a Pareto front"
    assert {trial.params["rung"] for trial in loaded.best_trials} <= {1, 2}


def test_a_study_of_another_search_is_refused(tmp_path: Path) -> None:
    opened(journal(tmp_path))
    with pytest.raises(UsageError, match="begun with another processor") as caught:
        open_study(journal(tmp_path), "mine", IDENTITY | {"processor": "another CPU"}, SPACE, measure)
    assert caught.value.hint is not None
    assert "--storage" in caught.value.hint


@pytest.fixture
def older() -> SearchResult:
    """The result of a search by an older version, whose study is beside it."""
    return SearchResult.from_json(json.loads((GOLDEN / "search.json").read_text(encoding="utf-8")))


def _operations(file: Path) -> list[dict[str, Any]]:
    """Return what a journal says, without its times, its process, and the digests of outcomes."""
    operations = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    unimportant = ("worker_id", "datetime_start", "datetime_complete")
    return [
        {name: value for name, value in item.items() if name not in unimportant}
        for item in operations
        if "digest" not in item.get("user_attr", {})
    ]


def test_a_study_of_an_older_version_goes_on_and_is_stored_as_it_was(
    older: SearchResult, tmp_path: Path
) -> None:
    shutil.copyfile(GOLDEN / "study.journal", tmp_path / "older.journal")
    identity = _operations(tmp_path / "older.journal")[1]["user_attr"]["edgecnn"]
    assert identity["search"] == digest_json(older.space.to_json()), "it must be the same search today"
    counting = Counting()
    study = open_study(str(tmp_path / "older.journal"), older.name, identity, older.space, counting)
    Halving(older.space, study).run()
    assert not counting.counts, "what an older version measured is not measured again"
    known = everything(study)
    measured = rank(known, older.space)
    assert tuple(item.trial() for item in measured) == older.trials
    winner = cheapest(measured)
    assert winner is not None
    assert winner.trial() == older.winner

    def again(combination: Combination, rung: int, ahead: int) -> Outcome:
        return known[rung][combination]

    Halving(older.space, open_study(journal(tmp_path), older.name, identity, older.space, again)).run()
    assert _operations(tmp_path / "study.journal") == _operations(GOLDEN / "study.journal")


def test_trials_of_another_version_are_refused(tmp_path: Path) -> None:
    study = opened(journal(tmp_path))
    Halving(SPACE, study).run()
    file = Path(journal(tmp_path))
    old = [line for line in file.read_text().splitlines(keepends=True) if '"digest"' not in line]
    file.write_text("".join(old).replace('"accuracy":', '"acuracy":'))
    with pytest.raises(InputError, match="is not one of this version"):
        opened(journal(tmp_path)).outcomes(COSTS)


@pytest.mark.parametrize(("right", "damaged"), [('"size":100', '"size":101'), ("0.8875", "0.9875")])
def test_an_outcome_that_lost_a_bit_is_measured_again(tmp_path: Path, right: str, damaged: str) -> None:
    before = everything(study := opened(journal(tmp_path)))
    assert not any(before.values())
    Halving(SPACE, study).run()
    before = everything(study)
    file = Path(journal(tmp_path))
    text = file.read_text()
    assert right in text
    file.write_text(text.replace(right, damaged, 1))
    counting = Counting()
    Halving(SPACE, opened(journal(tmp_path), counting)).run()
    assert len(counting.counts) == 1, "only the damaged one is measured again"
    assert everything(opened(journal(tmp_path))) == before


@pytest.mark.parametrize(
    ("storage", "kind", "words"),
    [
        ("{folder}/garbage", InputError, "garbage cannot be used"),
        ("{folder}/binary", InputError, "binary cannot be used"),
        ("{folder}", InputError, "cannot be used"),
        ("{folder}/garbage/below", InputError, "cannot be used"),
        ("sqlite:///{folder}/garbage", InputError, "cannot be used"),
        ("sqlite:///{folder}/no/such/folder/study.db", InputError, "cannot be used"),
        ("redis://localhost/0", UsageError, "is not supported"),
        ("nonsense://localhost/0", UsageError, "is no database's URL"),
        ("mysql+pymysql://me:secret@localhost/0", MissingDependency, "driver of mysql"),
    ],
)
def test_a_storage_that_cannot_be_used_is_named(
    storage: str, kind: type[EdgecnnError], words: str, tmp_path: Path
) -> None:
    (tmp_path / "garbage").write_text("this is no journal\n" * 3)
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    with pytest.raises(kind, match=words) as caught:
        opened(storage.format(folder=tmp_path))
    assert "secret" not in str(caught.value)
    assert caught.value.hint
