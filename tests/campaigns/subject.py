"""A verb that a campaign disturbs, beside what undisturbed runs of it leave."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from tests.campaigns.killed_processes import Ended, Moment, run_verb
from tests.campaigns.verbs_to_kill import Verb


@dataclass
class Subject:
    """A verb, and what undisturbed runs of it leave.

    Attributes:
        verb: The verb.
        wheels: Folder of wheels.
        whole: The digests that each version leaves.
        seconds: How long it takes.
        present: Outputs that were there before the next kill.
        version: The version that is called next.
    """

    verb: Verb
    wheels: Path | None
    whole: list[dict[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    present: dict[str, str] = field(default_factory=dict)
    version: int = 0

    def prepare(self) -> None:
        """Run every version undisturbed, with nothing made before."""
        self.verb.begin_anew()
        for version in range(len(self.verb.versions)):
            ended = self.run(version, None)
            assert ended.code == 0, f"{self.verb.name} fails undisturbed: {ended.said[-500:]}"
            self.whole.append(self.verb.look())
            self.seconds = ended.seconds
        if not self.verb.anew:  # it has made its steps now, and takes less time from now on
            self.seconds = self.run(0, None).seconds
        self.present = self.verb.look()

    def run(self, version: int, moment: Moment | None) -> Ended:
        """Run a version."""
        return run_verb(self.verb.versions[version], self.verb.place, self.wheels, moment)

    def start(self) -> None:
        """Give a verb that has nothing left to do something to do."""
        if self.present == self.whole[self.version] and self.verb.anew:
            self.verb.begin_anew()
            self.present = {}

    def look(self) -> None:
        """See that nothing is lost and that each output is that of a version, whole."""
        found = self.verb.look()
        lost = self.present.keys() - found.keys()
        assert not lost, f"lost: {sorted(lost)}"
        for name, digest in found.items():
            assert digest in [whole.get(name) for whole in self.whole], f"{name} is that of no version"
        self.present = found

    def finish(self) -> None:
        """Run the verb to its end, and see that it leaves what an undisturbed one does, and nothing else."""
        ended = self.run(self.version, None)
        assert ended.code == 0, f"exit code {ended.code}: {ended.said[-300:]}"
        self.present = self.verb.look()
        assert self.present == self.whole[self.version], "the result is not that of an undisturbed one"
        left = self.verb.leftovers()
        assert not left, f"left by killed processes: {left}"
