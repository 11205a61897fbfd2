"""What is different from a published report by what became known since, figure by figure, and why. Pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from hub.figures.definition import DOSSIERS, FIGURES
from hub.figures.report import TOTAL, Change, Restates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from hub.figures.counting import Known
    from hub.figures.report import Behind, Line, Report

OTHERWISE = "registry"
"""Why, where no fact of a dossier came late: the registries or the definition are others."""


def restates(
    old: tuple[Report, Behind], new: tuple[Report, Behind], digest: str, dossiers: Sequence[Known]
) -> Restates | None:
    """``None``: nothing is different. ``digest``: of the old edition."""
    changes = tuple(changed(old, new, dossiers))
    if not changes and old[0].late == new[0].late:
        return None
    return Restates(edition=old[0].edition, digest=digest, known_at=old[0].known_at, changes=changes)


def changed(
    old: tuple[Report, Behind], new: tuple[Report, Behind], dossiers: Sequence[Known]
) -> Iterator[Change]:
    came = _came_since(dossiers, old[0].known_at, new[0].known_at)
    for key, before, after in _paired(old[0], new[0]):
        for figure in FIGURES:
            for since in (False, True):
                values = [_value(line, figure, since=since) for line in (before, after)]
                codes = [set(behind.of(key, figure, since=since)) for _, behind in (old, new)]
                if values[0] == values[1] and codes[0] == codes[1]:
                    continue
                touched = codes[0] ^ codes[1] if figure in DOSSIERS else codes[0] | codes[1]
                yield Change(
                    line=key,
                    figure=figure,
                    old=values[0],
                    new=values[1],
                    added=len(codes[1] - codes[0]),
                    removed=len(codes[0] - codes[1]),
                    because=_because(touched, came),
                    since=since,
                )


def _paired(old: Report, new: Report) -> Iterator[tuple[str, Line | None, Line | None]]:
    yield TOTAL, old.total, new.total
    lines = [{line.key: line for line in report.lines} for report in (old, new)]
    for key in dict.fromkeys([*lines[0], *lines[1]]):
        yield key, lines[0].get(key), lines[1].get(key)


def _value(line: Line | None, figure: str, *, since: bool) -> int:
    if line is None:
        return 0
    return (line.since if since else line.figures).get(figure, 0)


def _came_since(dossiers: Iterable[Known], known: datetime, until: datetime) -> dict[str, Counter[str]]:
    """By dossier code, the kinds of what the hub learned between two moments."""
    found: dict[str, Counter[str]] = {}
    for each in dossiers:
        late = Counter(str(fact.kind) for at, fact in each.facts if known < at <= until)
        for code in {fact.code for _, fact in each.facts} if late else ():
            found.setdefault(code, Counter()).update(late)
    return found


def _because(codes: Iterable[str], came: Mapping[str, Counter[str]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for code in codes:
        total += came.get(code, Counter({OTHERWISE: 1}))
    return dict(sorted(total.items()))
