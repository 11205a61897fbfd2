"""Counts, publishes and restates over the store; everything that decides is pure and stands elsewhere."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec

from hub.figures import reasons as because
from hub.figures import report as reports
from hub.figures.counting import By, Choice, Counted, Known, World, count_by
from hub.figures.gathering import by_dossier
from hub.figures.reasons import Late, Why, lates
from hub.figures.report import Behind, Counts, Form, Report, Restates
from hub.figures.restating import restates
from hub.store.contract.ledger import LateReason, Publication
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.figures.period import Period
    from hub.receipts.receipts import Confirm
    from hub.store.contract.store import Store

NOT_COUNTED, NOT_PUBLISHED, PUBLISHED, NOT_OVER = "HUB-FIG-001", "HUB-FIG-002", "HUB-FIG-003", "HUB-FIG-004"
LATE = ("resolved_late",)


class Draft(msgspec.Struct, frozen=True):
    """A report that nobody published yet, with the dossiers behind it. ``known``: what it was counted from."""

    report: Report
    behind: Behind
    known: Sequence[Known]


class Edition(msgspec.Struct, frozen=True):
    """One that was published; ``raw``: as it was signed."""

    publication: Publication
    raw: bytes
    report: Report
    behind: Behind


class FigureDesk:
    """``publisher``: what partners call this hub."""

    def __init__(self, store: Store, world: World, publisher: str = "") -> None:
        self._store, self.world, self._publisher = store, world, publisher
        self._turn = asyncio.Lock()

    async def count(self, choice: Choice, now: datetime) -> Counted:
        """Raises ``Refusal`` HUB-FIG-001 for an agency that nobody knows."""
        _, ((counted,),) = await self._counted([self._checked(choice)], (choice.by,), now)
        return counted

    async def _counted(
        self, choices: Sequence[Choice], bys: Sequence[By], now: datetime
    ) -> tuple[list[Known], list[tuple[Counted, ...]]]:
        """Count beside the loop, one report at a time: whoever asks for more waits, and messages come in meanwhile."""
        async with self._turn:
            kept = await self._store.ledger.facts()

            def work() -> tuple[list[Known], list[tuple[Counted, ...]]]:
                known = by_dossier(kept)
                return known, [count_by(known, choice, bys, self.world, now) for choice in choices]

            return await asyncio.to_thread(work)

    def _checked(self, choice: Choice) -> Choice:
        """An agency that was merged before the period's last day is its successor."""
        if not choice.agency:
            return choice
        found = self.world.agencies.known(choice.agency)
        if found is None:
            raise refuse(NOT_COUNTED, "agency", rule="registries/agencies", detail=choice.agency)
        stands = self.world.agencies.successor(found.code, choice.period.last)
        return msgspec.structs.replace(choice, agency=stands.code)

    async def late(self, counted: Counted, figures: Sequence[str] = LATE) -> tuple[Late, ...]:
        """Return the late dossiers of a count, each with what is known of why."""
        codes = {code for row in counted.rows for figure in figures for code in row.dossiers[figure]}
        explained = [message for code in codes for message in counted.standing[code].explained if message]
        said = await self._store.said.readable(explained)
        return lates(counted, figures, await self._store.ledger.reasons(), said)

    # --- reasons

    async def propose(self, code: str, reason: str, unit: str, by: str, now: datetime) -> str:
        """Return the dossier's id. Raises ``Refusal`` HUB-FIG-005."""
        dossier = await self._dossier(code)
        new = LateReason(dossier=dossier, what="proposed", at=now, by=by, unit=unit, reason=reason)
        await self._store.ledger.reason(new)
        return dossier

    async def accept(self, code: str, reason: str, by: str, now: datetime) -> Why:
        """Raises ``Refusal`` HUB-FIG-005: there is no such dossier or no reason yet, or the same person gave it."""
        dossier = await self._dossier(code)
        accepted = because.acceptable(await self._why(dossier), reason, by)
        new = LateReason(
            dossier=dossier, what="accepted", at=now, by=by, unit=accepted.unit, reason=accepted.reason
        )
        await self._store.ledger.reason(new)
        return msgspec.structs.replace(accepted, accepted_by=by, accepted_at=now)

    async def _dossier(self, code: str) -> str:
        dossier = await self._store.ledger.dossier(code)
        if not dossier:
            raise refuse(because.NOT_TO_ACCEPT, "dossier", detail=code)
        return dossier

    async def _why(self, dossier: str) -> Why:
        facts = [each for each in by_dossier(await self._store.ledger.facts()) if each.dossier == dossier]
        explained = tuple(fact.message for each in facts for _, fact in each.facts if fact.explains)
        said = await self._store.said.readable(explained)
        own = [each for each in await self._store.ledger.reasons() if each.dossier == dossier]
        return because.why_of(dossier, explained, [each for each in own if each.what == "proposed"], said)

    # --- reports

    async def draft(
        self, form: Form, agency: str, period: Period, since: Period | None, now: datetime
    ) -> Draft:
        """Count a form by what is known now."""
        return await self._draft(form, agency, period, since, now, None)

    async def _draft(
        self,
        form: Form,
        agency: str,
        period: Period,
        since: Period | None,
        now: datetime,
        after: Edition | None,
    ) -> Draft:
        whole = self._checked(Choice(period=period, agency=agency))
        spans = [whole, *([msgspec.structs.replace(whole, period=since)] if since else [])]
        known, counted = await self._counted(spans, reports.bys(form), now)
        counts = Counts(*counted[0], *(counted[1] if since else ()))
        late = await self.late(counts.total)
        edition = after.report.edition + 1 if after else 1
        made = reports.report(form, counts, late, self.world, publisher=self._publisher, edition=edition)
        if after is None:
            return Draft(*made, known)
        found = restates((after.report, after.behind), made, after.publication.digest, known)
        return Draft(msgspec.structs.replace(made[0], restates=found), made[1], known)

    async def publish(self, draft: Draft, confirm: Confirm, by: str, reason: str, now: datetime) -> Edition:
        """Freeze it. Raises ``Refusal`` HUB-FIG-003 where this edition stands already, HUB-FIG-004 before the period is over."""
        made = draft.report
        if reports.period_of(made).end > made.known_at:
            raise refuse(NOT_OVER, made.id, rule=f"{made.last}")
        raw, behind = reports.to_json(made), reports.to_json(draft.behind)
        new = Publication(
            id=made.id,
            edition=made.edition,
            at=now,
            known_at=made.known_at,
            digest=reports.digest(raw),
            signature=confirm(raw, now),
            by=by,
            reason=reason,
        )
        if not await self._store.ledger.publish(new, raw, behind):
            raise refuse(PUBLISHED, made.id, rule=str(made.edition))
        return Edition(new, raw, made, draft.behind)

    async def restated(self, id_: str, now: datetime) -> tuple[Edition, Draft, Restates | None]:
        """Return the last edition, the same counted by what is known now, and what is different. Raises ``Refusal`` HUB-FIG-002."""
        last = await self.edition(id_)
        told = last.report
        since = reports.since_of(told)
        draft = await self._draft(told.form, told.agency, reports.period_of(told), since, now, last)
        return last, draft, draft.report.restates

    async def edition(self, id_: str, number: int = 0) -> Edition:
        """0: the newest. Raises ``Refusal`` HUB-FIG-002."""
        known = await self._store.ledger.publications(id_) if id_ else ()
        found = next((each for each in reversed(known) if number in (0, each.edition)), None)
        stored = await self._store.ledger.published(found.id, found.edition) if found else None
        if found is None or stored is None:
            raise refuse(NOT_PUBLISHED, id_, detail=str(number or ""))
        raw, behind = stored
        return Edition(found, raw, reports.from_json(raw), reports.behind_from_json(behind))


def agree(told: Report, own: Report) -> tuple[str, ...]:
    """Return where another hub's published report and one's own count of the same differ: ``line figure: theirs ≠ ours``.

    Both were counted by their own hub from what that hub knew: where both know the same, nothing is returned.
    """
    lines = {line.key: line for line in own.lines}
    pairs = [(told.total, own.total), *((line, lines.get(line.key)) for line in told.lines)]
    return tuple(
        f"{line.key or 'total'} {figure}: {value} ≠ {mine}"
        for line, other in pairs
        for figure, value in line.figures.items()
        if (mine := other.figures.get(figure, 0) if other else 0) != value
    )
