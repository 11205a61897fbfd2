"""What belongs to a round beside batches never stops the line, unless nobody answers at all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from connectors.edge.calling import Trouble
from hub.replicating.hook import Replicating
from hub.replicating.reports import Report
from hub.replicating.taking import Took
from hub.rounds.syncing import Broke
from schemas.problems import refuse

OLDER = Trouble(code="HTTP 404", status=404)
CUT = Trouble(code="HUB-NET-001")


class Line:
    """Takes reports, or says what went wrong."""

    def __init__(self, trouble: Trouble | None = None) -> None:
        self.trouble, self.posted = trouble, 0

    async def post(self, _path: str, _body: bytes) -> Trouble | None:
        self.posted += 1
        return self.trouble


class Takes:
    def __init__(self, comes: Took | Exception) -> None:
        self.comes = comes

    async def round(self, _source: object) -> Took:
        if isinstance(self.comes, Exception):
            raise self.comes
        return self.comes


async def done(comes: Took | Exception, trouble: Trouble | None = None) -> tuple[list[str], list[str]]:
    """What was reported as the problem, and whether processes were asked to begin anew."""
    problems: list[str] = []
    renewed: list[str] = []

    async def says(problem: str) -> Report:
        problems.append(problem)
        return Report(hub="a", at=datetime(2026, 11, 24, tzinfo=UTC), software="")

    async def renew() -> None:
        renewed.append("asked")

    hook = Replicating(cast("Any", Takes(comes)), says, renew)
    await hook(cast("Any", Line(trouble)), cast("Any", None))
    return problems, renewed


async def test_processes_are_asked_to_begin_anew_only_when_something_else_stands() -> None:
    assert await done(Took(number=2, changed=True)) == ([""], ["asked"])
    assert await done(Took(number=2)) == ([""], [])


@pytest.mark.parametrize(
    ("comes", "problem"),
    [
        (refuse("HUB-EDG-041", "version"), "HUB-EDG-041"),
        (Broke(OLDER), "HTTP 404"),
        (OSError("disk full"), "HUB-EDG-043"),
        (Took(number=3, problem="HUB-EDG-043"), "HUB-EDG-043"),
    ],
)
async def test_what_is_wrong_with_a_version_is_told_and_the_line_goes_on(
    comes: Took | Exception, problem: str
) -> None:
    assert await done(comes, OLDER) == ([problem], [])


async def test_a_line_that_is_cut_is_one() -> None:
    for comes, trouble in ((Broke(CUT), None), (Took(), CUT)):
        with pytest.raises(Broke):
            await done(comes, trouble)
