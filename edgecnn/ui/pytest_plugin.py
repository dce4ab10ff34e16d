"""A pytest plugin: every link and budget of a run is a test, and users' tests can open artifacts.

    pytest --edgecnn runs/quickstart
    pytest --edgecnn runs/quickstart --edgecnn-baseline baselines/quickstart.yaml

A test may use the fixture ``edgecnn_session``: the artifact of the target that its mark names, open in the
shipping runtime::

    @pytest.mark.edgecnn(target="tflite-int8")
    def test_a_cat(edgecnn_session):
        (scores,) = edgecnn_session.run([picture])

edgecnn is only imported on use, so that other projects' tests are not affected.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgecnn.core.documents.check import CheckRow
    from edgecnn.core.store.manifest import Artifact
    from edgecnn.devices.session import Session


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the plugin's options."""
    group = parser.getgroup("edgecnn")
    group.addoption(
        "--edgecnn", metavar="RUN", help="run or artifact of edgecnn whose links and budgets are tested"
    )
    group.addoption(
        "--edgecnn-baseline", metavar="FILE", help="accepted baseline that the run is compared with"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", "edgecnn(target): the target whose artifact a test opens")
    if config.getoption("--edgecnn-baseline") and not config.getoption("--edgecnn"):
        raise pytest.UsageError("--edgecnn-baseline needs --edgecnn RUN")


def pytest_collection(session: pytest.Session) -> None:
    """Collect the checks of the run beside all other tests."""
    run = session.config.getoption("--edgecnn")
    if run is not None:
        session.config.pluginmanager.register(_Collect(Path(run)), "edgecnn-checks")


class _Collect:
    """Collector that adds the checks of a run."""

    def __init__(self, run: Path) -> None:
        self._run = run

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, session: pytest.Session, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Append one item for each link, budget and value of the baseline."""
        given = config.getoption("--edgecnn-baseline")
        baseline = None if given is None else Path(given)
        checks = Checks.from_parent(session, name=str(self._run), path=self._run, baseline=baseline)
        items += checks.collect()


class Checks(pytest.Collector):
    """The checks of one run."""

    def __init__(self, *, baseline: Path | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._baseline = baseline

    def collect(self) -> list[pytest.Item]:
        """Check the run and return one item per row.

        Raises:
            pytest.UsageError: The run or the baseline cannot be used.
        """
        import edgecnn
        from edgecnn.core.errors import EdgecnnError

        try:
            result = edgecnn.check(self.path, baseline=self._baseline)
        except EdgecnnError as error:
            hint = f"; {error.hint}" if error.hint else ""
            raise pytest.UsageError(f"--edgecnn: {error.message}{hint}") from error
        return [
            CheckItem.from_parent(self, name=f"{row.target}::{row.kind}::{row.check}", row=row)
            for row in result.rows
        ]


class MissedError(Exception):
    """A check that failed; only its text is shown."""


class CheckItem(pytest.Item):
    """One link, budget or value of the baseline."""

    def __init__(self, *, row: CheckRow, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._row = row

    def runtest(self) -> None:
        """Fail if the check is missed, and skip if it is inconclusive."""
        if self._row.verdict.value == "inconclusive":
            pytest.skip(f"inconclusive: {self._row}")
        if self._row.verdict.value == "fail":
            raise MissedError(str(self._row))

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: Any = None,
    ) -> Any:
        """Return the failure in one line."""
        if isinstance(excinfo.value, MissedError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return the location of the check."""
        return self.path, None, f"edgecnn: {self.name}"


@pytest.fixture
def edgecnn_artifact(request: pytest.FixtureRequest) -> Artifact:
    """Return the artifact of the target that the test's mark names, from the run of ``--edgecnn``."""
    from edgecnn.core.errors import EdgecnnError
    from edgecnn.core.store.runs import open_artifacts

    mark = request.node.get_closest_marker("edgecnn")
    target = None if mark is None else mark.kwargs.get("target")
    if target is None:
        raise pytest.UsageError(f"{request.node.name} needs @pytest.mark.edgecnn(target=...)")
    run = request.config.getoption("--edgecnn")
    if run is None:
        pytest.skip("no artifact: give the run with --edgecnn RUN")
    try:
        found = open_artifacts(run)
    except EdgecnnError as error:
        raise pytest.UsageError(f"--edgecnn: {error.message}") from error
    if target not in found:
        raise pytest.UsageError(f"{run} holds no artifact of {target!r}; it has {', '.join(found)}")
    return found[target]


@pytest.fixture
def edgecnn_session(edgecnn_artifact: Artifact, tmp_path: Path) -> Iterator[Session]:
    """Yield the artifact of the target that the test's mark names, open in the shipping runtime."""
    from edgecnn.backends.targets import runtime_options
    from edgecnn.devices.local import LocalDevice

    target = edgecnn_artifact.manifest.target
    with LocalDevice().open(
        target.runtime,
        edgecnn_artifact.model,
        log=tmp_path / "worker.log",
        threads=target.threads,
        extra=runtime_options(target),
    ) as session:
        yield session
