"""``lienthong dossier show|merge``: where a dossier is now, by what was said about it and to whom; two that are one. No personal data."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hub.cli import columns, show, times
from hub.cli.acting import Yes  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.asking import agreed_by_two
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from hub.delivery.remembering import apologised
from hub.lifecycle import DONE
from hub.store.contract.mending import Merging
from hub.store.contract.store import Stale
from hub.story import joining, record
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from hub.cli.desk import Desk
    from hub.store.contract.store import Store
    from hub.store.contract.views import DossierView
    from hub.story.apologies import Apology


def _story(row: DossierView) -> record.Story | None:
    """What this version of the hub can read; a dossier is shown all the same when it cannot."""
    with contextlib.suppress(msgspec.ValidationError):
        return record.from_json(row.story)
    return None


def _state(row: DossierView) -> str:
    told = _story(row)
    return told.state if told else ""


def _standing(row: DossierView, desk: Desk) -> str:
    state = _state(row)
    return desk.say(f"dossier_state.{state}") if state else ""


def _legs(row: DossierView) -> list[dict[str, object]]:
    """One per agency that has or had the dossier in hand."""
    told = _story(row)
    return [
        {"agency": leg.agency, "state": leg.state, "passed_to": list(leg.passed_to)}
        for leg in (told.legs if told else ())
    ]


def _each_leg(row: DossierView, desk: Desk) -> str:
    told = _story(row)
    return "; ".join(_leg(leg, desk) for leg in (told.legs if told else ()))


def _leg(leg: record.StoryLeg, desk: Desk) -> str:
    said = f"{leg.agency}: {desk.say(f'dossier_state.{leg.state}')}"
    return f"{said} → {', '.join(leg.passed_to)}" if leg.passed_to else said


def _deadline(row: DossierView) -> datetime | None:
    told = _story(row)
    return told.deadline if told else None


def _apologies(row: DossierView) -> int:
    told = _story(row)
    return told.apologies if told else 0


def _stage(row: DossierView) -> str:
    told = _story(row)
    return told.stage if told else "live"


def _catalogues(row: DossierView) -> dict[str, int]:
    """The versions that it finishes on."""
    told = _story(row)
    return dict(told.catalogues) if told else {}


def _known(row: DossierView) -> record.Counted | None:
    """How the hub came to the deadline, when nobody promised one."""
    told = _story(row)
    return told.counted if told else None


def _counted(row: DossierView) -> dict[str, object] | None:
    known = _known(row)
    return {"calendar": known.calendar, "provisional": list(known.provisional)} if known else None


def _how(row: DossierView, desk: Desk) -> str:
    known = _known(row)
    if known is None:
        return ""
    years = ", ".join(map(str, known.provisional))
    note = f"; {desk.say('calendar.provisional', years=years)}" if years else ""
    return desk.say("calendar.counted", calendar=known.calendar) + note


DOSSIER: tuple[show.Column[DossierView], ...] = (
    show.Column("id", lambda row: row.id),
    show.Column("origin", lambda row: row.origin),
    show.Column("state", _state, _standing),
    show.Column("agency_legs", _legs, _each_leg),
    show.Column("version", lambda row: row.version),
    show.Column(
        "aliases",
        lambda row: [{"authority": each.authority, "code": each.code} for each in row.aliases],
        lambda row, _: ", ".join(f"{each.code} ({each.authority})" for each in row.aliases),
    ),
    show.Column("stage", _stage, lambda row, desk: desk.say(f"stage.{_stage(row)}")),
    show.Column("catalogues", _catalogues),
    show.Column("deadline", _deadline),
    show.Column("counted", _counted, _how),
    show.Column("apologies", _apologies, lambda row, _: str(_apologies(row) or "")),
    show.Column("merged", lambda row: list(row.merged)),
)


class Relative(NamedTuple):
    """A dossier that this one belongs to, or that belongs to it. ``id``, ``state``: where the hub has it."""

    relation: str
    code: str
    id: str = ""
    state: str = ""


RELATIVES: tuple[show.Column[Relative], ...] = (
    show.Column("relation", lambda row: row.relation, lambda row, desk: desk.say(f"relation.{row.relation}")),
    show.Column("code", lambda row: row.code),
    show.Column(
        "state",
        lambda row: row.state,
        lambda row, desk: desk.say(f"dossier_state.{row.state}") if row.state else "",
    ),
    show.Column("id", lambda row: row.id, room=120),
)
APOLOGIES: tuple[show.Column[Apology], ...] = (
    show.Column("at", lambda row: row.at, lambda row, _: times.local(row.at)),
    show.Column("agency", lambda row: row.agency),
    show.Column(
        "due_at", lambda row: row.due_at, lambda row, _: times.local(row.due_at) if row.due_at else ""
    ),
    show.Column("reason", lambda row: row.reason),
    show.Column("unit", lambda row: row.unit, room=110),
    show.Column("message", lambda row: row.message, room=140),
)


async def show_(dossier: str, /, *, desk: At) -> int:
    async with desk.hub() as hub:
        found = await _found(hub.store, dossier)
        relatives = await _relatives(hub.store, found)
        told = await apologised(hub.store.said, found.id, found.messages)
    _card(desk, found, relatives, told)
    return Exit.OK


async def _relatives(store: Store, view: DossierView) -> list[Relative]:
    """By the codes that were told, looked up where the dossier's own code is from."""
    story = _story(view)
    parent = [("parent", story.parent)] if story and story.parent else []
    children = [("child", code) for code in story.children] if story else []
    return [await _relative(store, view, relation, code) for relation, code in (*parent, *children)]


async def _relative(store: Store, view: DossierView, relation: str, code: str) -> Relative:
    known = await store.known(view.aliases[0].authority, code) if view.aliases else None
    if known is None:
        return Relative(relation, code)
    return Relative(relation, code, known.dossier, record.from_json(known.story).state)


async def _found(store: Store, code_or_id: str) -> DossierView:
    found = await store.dossier(code_or_id)
    if found is None:
        raise refuse("HUB-DOS-002", detail=code_or_id)
    return found


def _card(
    desk: Desk, found: DossierView, relatives: Sequence[Relative] = (), told: Sequence[Apology] = ()
) -> None:
    """``relatives``, ``told``: shown where there are any, and always to programs."""
    more = [show.Part("relatives", RELATIVES, relatives), show.Part("apology", APOLOGIES, told)]
    said = show.Part("messages", columns.MESSAGES, found.messages)
    sent = show.Part("transfers", columns.TRANSFERS, found.transfers)
    shown = [part for part in more if part.rows or desk.as_json]
    show.card(desk, DOSSIER, found, (*shown, said, sent))


async def merge(
    kept: str, other: str, /, *, reason: str = "", approver: str = "", yes: Yes = False, desk: At
) -> int:
    """Make two dossiers one. Decided on what was shown: when either moves meanwhile, nothing is changed."""
    async with desk.hub() as hub:
        one, two = await _found(hub.store, kept), await _found(hub.store, other)
        if one.id == two.id:
            raise refuse("HUB-DOS-009", detail=f"{kept} = {other}")
        for view in (one, two):
            _nothing_open(view)
        stays, goes = record.from_json(one.story), record.from_json(two.story)
        both = joining.merge(stays, goes)
        sentence = desk.say(
            "consequence.merge",
            kept=_named(one),
            other=_named(two),
            state=stays.state,
            other_state=goes.state,
            both=both.state,
            procedure=stays.national or stays.local or "?",
            other_procedure=goes.national or goes.local or "?",
        )
        why, second = agreed_by_two(desk, [sentence], reason=reason, yes=yes, approver=approver)
        what = Merging(
            kept=one.id,
            other=two.id,
            kept_version=one.version,
            other_version=two.version,
            story=record.to_json(both),
            reason=why,
            by=desk.by,
            approver=second,
        )
        try:
            await hub.store.merge(what, desk.now())
        except Stale:
            raise Complaint("usage.moved", Exit.CONFLICT, id=_named(one)) from None
        found = await _found(hub.store, one.id)
    _card(desk, found)
    return Exit.OK


def _nothing_open(view: DossierView) -> None:
    """The store looks again when it merges; here it is told before anything is asked. Raises ``Refusal`` HUB-DOS-008."""
    found = next((each.id for each in view.transfers if each.state not in DONE), None)
    if found is not None:
        raise refuse("HUB-DOS-008", view.id, detail=found)


def _named(view: DossierView) -> str:
    """By the code that its origin wrote."""
    return view.aliases[0].code if view.aliases else view.id
