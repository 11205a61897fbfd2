"""``lienthong signatory list|may``: who may sign what, from which day until which. Reads files only; needs no store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from typing import TYPE_CHECKING

from hub.cli import opening, show
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from hub.cli.telling import entry_of
from hub.deadlines.calendar import VIETNAM
from hub.signatories.authority import Act
from schemas.problems import Refusal

if TYPE_CHECKING:
    from hub.cli.desk import Desk
    from hub.signatories.authority import Holder, Right

COLOURS = {"in_force": "green", "not_yet": "yellow", "over": "bright_black"}


@dataclass(frozen=True)
class Held:
    holder: Holder
    right: Right
    standing: str


@dataclass(frozen=True)
class Answer:
    """``code``: why not; empty when it may be signed."""

    signatory: str
    on: date
    right: Right | None
    code: str


def _told(both: tuple[str, str], desk: Desk) -> str:
    vi, en = both
    return en if desk.speech.language == "en" else vi


def _kinds(right: Right) -> list[str]:
    return (
        sorted(frozenset.intersection(*kinds))
        if (kinds := [s.kinds for s in right.scopes if s.kinds])
        else []
    )


def _procedures(right: Right) -> list[str]:
    return [
        " ".join(sorted(scope.procedures | scope.fields))
        for scope in right.scopes
        if scope.procedures or scope.fields
    ]


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _shown(day: date | None) -> str:
    return f"{day:%d/%m/%Y}" if day else ""


def _both(row: Answer) -> dict[str, str]:
    return dict(zip(("vi", "en"), row.right.title, strict=True)) if row.right else {}


def _of_right(row: Answer, desk: Desk) -> str:
    return _told(row.right.title, desk) if row.right else ""


def _answer(row: Answer, desk: Desk) -> str:
    entry = entry_of(row.code) if row.code else None
    return f"{row.code} {entry.title.say(desk.speech.language)}" if entry else desk.say("may.yes")


RIGHTS: tuple[show.Column[Held], ...] = (
    show.Column("signatory", lambda row: row.holder.id, whole=True),
    show.Column(
        "name",
        lambda row: {"vi": row.holder.name[0], "en": row.holder.name[1]},
        lambda row, desk: _told(row.holder.name, desk),
        room=120,
        said=True,
    ),
    show.Column(
        "position",
        lambda row: {"vi": row.right.title[0], "en": row.right.title[1]},
        lambda row, desk: _told(row.right.title, desk),
        said=True,
    ),
    show.Column("agency", lambda row: row.right.agency, room=140),
    show.Column("kinds", lambda row: _kinds(row.right), room=160),
    show.Column("procedures", lambda row: _procedures(row.right), room=160),
    show.Column("since", lambda row: _day(row.right.begins), lambda row, _: _shown(row.right.begins)),
    show.Column("until", lambda row: _day(row.right.ends), lambda row, _: _shown(row.right.ends)),
    show.Column("lender", lambda row: row.right.lender, room=120),
    show.Column("decision", lambda row: row.right.decision, room=150),
    show.Column(
        "standing",
        lambda row: row.standing,
        lambda row, desk: desk.say(f"standing.{row.standing}"),
        lambda row, _: COLOURS[row.standing],
        whole=True,
    ),
)

ANSWER: tuple[show.Column[Answer], ...] = (
    show.Column("signatory", lambda row: row.signatory),
    show.Column("on", lambda row: row.on.isoformat(), lambda row, _: _shown(row.on)),
    show.Column("may", lambda row: not row.code, _answer, lambda row, _: "red" if row.code else "green"),
    show.Column("code", lambda row: row.code, lambda row, _: row.code),
    show.Column("position", _both, _of_right, said=True),
    show.Column("lender", lambda row: row.right.lender if row.right else ""),
    show.Column("decision", lambda row: row.right.decision if row.right else ""),
)


def standing(right: Right, on: date) -> str:
    """``in_force``, ``not_yet`` or ``over``: a word of ``words.toml`` and of the JSON."""
    if right.counts(on):
        return "in_force"
    return (
        "not_yet" if right.begins and on < right.begins and not (right.ends and right.ends <= on) else "over"
    )


def list_(*, on: str = "", desk: At) -> int:
    day = _asked(desk, on)
    known, _ = opening.signatories(desk.settings)
    rows = [Held(holder, right, standing(right, day)) for holder in known.holders for right in holder.rights]
    show.rows(desk, RIGHTS, rows, "nothing.signatories")
    return Exit.OK


def may(
    signatory: str,
    /,
    *,
    kind: str = "finished",
    procedure: str = "",
    agency: str = "",
    on: str = "",
    desk: At,
) -> int:
    """``agency``: in whose name; the signatory's own when it is not said. Ends with 1 when it may not be signed."""
    known, agencies = opening.signatories(desk.settings)
    holder = next((each for each in known.holders if each.id == signatory), None)
    if holder is None:
        ids = ", ".join(each.id for each in known.holders)
        raise Complaint("usage.value", Exit.USAGE, name="SIGNATORY", value=signatory, known=ids)
    day = _asked(desk, on)
    act = Act(kind=kind, agencies=(agency or holder.agency,), procedures=frozenset({procedure} - {""}))
    noon = datetime.combine(day, time(12), VIETNAM)
    try:
        found = known.authority.signs(min(holder.certificates), act, noon, agencies)
    except Refusal as refusal:
        show.card(desk, ANSWER, Answer(signatory, day, None, refusal.code))
        return Exit.FAILED
    show.card(desk, ANSWER, Answer(signatory, day, found.right, ""))
    return Exit.OK


def _asked(desk: Desk, said: str) -> date:
    if not said:
        return desk.now().astimezone(VIETNAM).date()
    try:
        return date.fromisoformat(said)
    except ValueError:
        raise Complaint("usage.value", Exit.USAGE, name="--on", value=said, known="2026-11-23") from None
