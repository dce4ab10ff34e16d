"""Keep outcomes in Optuna's storage, so that several processes and machines share the work.

An Optuna trial is one combination at one rung. A process claims the first wanted combination that no other
process has claimed. Where all are claimed, it takes a claimed one: with a common store it waits for the steps
of the other process, and continues alone if that was killed. No process has to detect a kill.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import optuna
from optuna.distributions import CategoricalDistribution
from optuna.samplers import RandomSampler
from optuna.trial import TrialState
from pydantic import ValidationError

from edgecnn.core.documents.search import Combination, Outcome
from edgecnn.core.errors import InputError, UsageError
from edgecnn.core.store.digest import digest_fields
from edgecnn.pipeline.search.outcome import cost
from edgecnn.pipeline.search.storage import faults, open_storage, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optuna.distributions import BaseDistribution, CategoricalChoiceType
    from optuna.trial import FrozenTrial, Trial

    from edgecnn.core.documents.search import Space
    from edgecnn.pipeline.search.halving import Known, Wanted

Measure = Callable[[Combination, int, int], Outcome]
"""Measures a combination at a rung; the last argument is the number of wanted combinations there."""

_OBJECTIVES = 3
"""Values of a trial: the largest drop, the mean ratio, and the sum of the bytes over all targets."""

_OUTCOME = "outcome"
_DIGEST = "digest"
_RUNG = "rung"
_IDENTITY = "edgecnn"
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


class _Chosen(RandomSampler):
    """Sampler that gives a trial its chosen values."""

    def __init__(self, values: Mapping[str, object]) -> None:
        super().__init__()
        self._values = values

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> object:
        """Return the chosen value."""
        del study, trial, param_distribution
        return self._values[param_name]


@dataclass
class Study:
    """The trials of one search in Optuna's study; a :class:`edgecnn.pipeline.search.halving.Bench`."""

    study: optuna.Study
    location: str
    space: Space
    measure: Measure

    def complete(self, rung: int, wanted: Wanted) -> Known:
        """Measure the wanted combinations of a rung, together with other processes, until none is left."""
        while ahead := wanted(known := self.outcomes(rung)):
            claimed = {_combination(trial) for trial in self._trials(rung, TrialState.RUNNING)}
            free = next((item for item in ahead if item not in claimed), ahead[0])
            self._try(free, rung, len(ahead))
        return known

    def outcomes(self, rung: int) -> dict[Combination, Outcome]:
        """Return the outcomes of a rung; of a combination that was measured twice, the first counts.

        An outcome that is not what was measured, as on a disk that loses bits, is not there.
        """
        found: dict[Combination, Outcome] = {}
        for trial in self._trials(rung, *_FINISHED):
            if _OUTCOME in trial.user_attrs and _is_whole(trial):
                found.setdefault(_combination(trial), self._outcome(trial))
        return found

    def _outcome(self, trial: FrozenTrial) -> Outcome:
        try:
            return Outcome.model_validate(trial.user_attrs[_OUTCOME])
        except ValidationError as error:
            raise InputError(
                f"trial {trial.number} of the study in {shown(self.location)} is not one of this version",
                hint="give another --storage, or remove this one",
            ) from error

    def _trials(self, rung: int, *states: TrialState) -> list[FrozenTrial]:
        """Return trials by number, without those that another process is just writing."""
        with faults(self.location):
            trials = self.study.get_trials(deepcopy=False, states=states)
        names = self._distributions().keys()
        return [
            trial
            for trial in sorted(trials, key=lambda trial: trial.number)
            if trial.params.keys() == names and trial.params[_RUNG] == rung
        ]

    def claim(self, combination: Combination, rung: int) -> Trial:
        """Begin a trial of a combination at a rung, which shows other processes that it is being measured."""
        with faults(self.location):
            self.study.sampler = _Chosen({**dict(combination), _RUNG: rung})
            return self.study.ask(self._distributions())

    def _try(self, combination: Combination, rung: int, ahead: int) -> None:
        """Measure a combination as a trial; an interrupted one has no result and is tried again."""
        trial = self.claim(combination, rung)
        try:
            outcome = self.measure(combination, rung, ahead)
            values = _values(outcome)
            with faults(self.location):
                plain = outcome.to_json()
                trial.set_user_attr(
                    _DIGEST, _digest(trial.params, plain)
                )  # first: outcomes without it are old
                trial.set_user_attr(_OUTCOME, plain)
                self.study.tell(trial, values, TrialState.PRUNED if values is None else TrialState.COMPLETE)
        except BaseException:
            with faults(self.location):
                self.study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
            raise

    def _distributions(self) -> dict[str, BaseDistribution]:
        space = self.space
        choices: dict[str, Sequence[CategoricalChoiceType]] = {
            "width": space.widths,
            "height": space.heights,
            "quantization": space.quantizations,
            "macs": space.macs,
            _RUNG: tuple(range(len(space.epochs) + 1)),
        }
        return {name: CategoricalDistribution(values) for name, values in choices.items()}


def open_study(location: str, name: str, identity: dict[str, str], space: Space, measure: Measure) -> Study:
    """Open or create a study.

    Args:
        location: As for :func:`edgecnn.pipeline.search.storage.open_storage`.
        name: Name of the study in its storage.
        identity: Facts that all processes that work on it must share.
        space: The space.
        measure: Measures a combination at a rung.

    Raises:
        UsageError: The study belongs to another search.
        InputError: The storage cannot be read or written.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = open_storage(location)
    with faults(location):
        study = optuna.create_study(
            storage=storage,
            study_name=name,
            directions=["minimize"] * _OBJECTIVES,
            load_if_exists=True,
        )
        known = study.user_attrs.get(_IDENTITY)
        if known is None:
            study.set_user_attr(_IDENTITY, identity)
    for what, value in identity.items():
        if known is not None and known.get(what) != value:
            raise UsageError(
                f"study {name!r} in {shown(location)} was begun with another {what}",
                hint="give another --out or --storage; what was trained is reused all the same",
            )
    return Study(study, location, space, measure)


def _combination(trial: FrozenTrial) -> Combination:
    return Combination(**{name: value for name, value in trial.params.items() if name != _RUNG})


def _is_whole(trial: FrozenTrial) -> bool:
    """Return whether a trial's values and outcome are those that were written; older ones have no digest."""
    known = trial.user_attrs.get(_DIGEST)
    return known is None or known == _digest(trial.params, trial.user_attrs[_OUTCOME])


def _digest(values: Mapping[str, object], outcome: object) -> str:
    return digest_fields({"values": values, "outcome": outcome}, "")


def _values(outcome: Outcome) -> list[float] | None:
    """Return the objectives for Optuna's own tools; None if some were not measured."""
    drops = [outcome.drop(name) for name, found in outcome.targets.items() if found.size is not None]
    known = [drop for drop in drops if drop is not None]
    if not known or len(known) < len(outcome.targets):
        return None
    return [max(known), *map(float, cost(outcome))]
