"""``lienthong figures …``: what is counted, the dossiers behind it, why some are late, and what is published."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - cyclopts reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from hub.cli import opening, show, times
from hub.cli.acting import Yes  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.asking import agreed
from hub.cli.columns import NEVER
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from hub.figures.counting import By, Choice
from hub.figures.definition import DOSSIERS, FIGURES, definition
from hub.figures.files import MEDIA, file_of
from hub.figures.period import period
from hub.figures.report import Form  # noqa: TC001 - cyclopts reads the annotations at run time

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.cli.desk import Desk
    from hub.figures.counting import Counted, Row
    from hub.figures.publishing import Edition, FigureDesk
    from hub.figures.reasons import Late
    from hub.figures.report import Change
    from hub.store.contract.ledger import Publication

From = Annotated[str, Parameter("--from")]


@dataclass(frozen=True)
class Told:
    figure: str
    value: int


@dataclass(frozen=True)
class Grouped:
    row: Row
    name: dict[str, str]


@dataclass(frozen=True)
class Behind:
    dossier: str
    amount: int | None = None
    receipt: str = ""
    account: str = ""
    paid: str = ""
    remitted: str = ""


@dataclass(frozen=True)
class Answer:
    dossier: str
    reason: str
    unit: str
    accepted_by: str = ""


@dataclass(frozen=True)
class File:
    file: str
    edition: int
    sha256: str


def _meaning(figure: str, desk: Desk) -> str:
    return definition().figure[figure].say(desk.speech.language)


def _number(value: int) -> str:
    return f"{value:,}".replace(",", ".")


def _shown(row: Grouped, desk: Desk) -> str:
    told = ((name, row.row.value(name)) for name in FIGURES)
    return "; ".join(f"{_meaning(name, desk)}: {_number(value)}" for name, value in told if value)


TOLD: tuple[show.Column[Told], ...] = (
    show.Column("figure", lambda row: row.figure, whole=True),
    show.Column(
        "name",
        lambda row: {"vi": definition().figure[row.figure].vi, "en": definition().figure[row.figure].en},
        lambda row, desk: _meaning(row.figure, desk),
        said=True,
    ),
    show.Column("value", lambda row: row.value, lambda row, _: _number(row.value)),
    show.Column(
        "counts",
        lambda row: definition().figure[row.figure].counts,
        lambda row, desk: desk.say(f"counts.{definition().figure[row.figure].counts}"),
    ),
)
GROUPED: tuple[show.Column[Grouped], ...] = (
    show.Column("group", lambda row: row.row.key, whole=True),
    show.Column(
        "name", lambda row: row.name, lambda row, desk: row.name.get(desk.speech.language, ""), said=True
    ),
    show.Column(
        "quiet",
        lambda row: row.row.silent,
        lambda row, desk: desk.say("counts.silent") if row.row.silent else "",
        lambda row, _: "yellow" if row.row.silent else "",
    ),
    show.Column("figures", lambda row: {name: row.row.value(name) for name in FIGURES}, _shown),
)
BEHIND: tuple[show.Column[Behind], ...] = (
    show.Column("dossier", lambda row: row.dossier, whole=True),
    show.Column(
        "amount",
        lambda row: row.amount,
        lambda row, _: _number(row.amount) if row.amount is not None else "",
    ),
    show.Column("receipt_no", lambda row: row.receipt),
    show.Column("account", lambda row: row.account),
    show.Column("paid_on", lambda row: row.paid),
    show.Column("remitted_on", lambda row: row.remitted),
)
LATE: tuple[show.Column[Late], ...] = (
    show.Column("dossier", lambda row: row.code, whole=True),
    show.Column("agency", lambda row: row.agency, whole=True),
    show.Column(
        "due_at", lambda row: row.due_at, lambda row, _: times.local(row.due_at) if row.due_at else ""
    ),
    show.Column(
        "ended_at",
        lambda row: row.finished_at,
        lambda row, _: times.local(row.finished_at) if row.finished_at else "",
    ),
    show.Column("days_late", lambda row: row.days),
    show.Column("reason", lambda row: row.why.reason),
    show.Column("unit", lambda row: row.why.unit),
    show.Column("said_by", lambda row: row.why.said_by, room=140),
    show.Column(
        "reason_by",
        lambda row: row.why.accepted_by,
        colour=lambda row, _: "" if row.why.accepted_by else "yellow",
    ),
)
ANSWER: tuple[show.Column[Answer], ...] = (
    show.Column("dossier", lambda row: row.dossier, whole=True),
    show.Column("reason", lambda row: row.reason),
    show.Column("unit", lambda row: row.unit),
    show.Column("reason_by", lambda row: row.accepted_by),
)
PUBLISHED: tuple[show.Column[Publication], ...] = (
    show.Column("report", lambda row: row.id, whole=True),
    show.Column("edition", lambda row: row.edition),
    show.Column("at", lambda row: row.at, lambda row, _: times.local(row.at)),
    show.Column("is_signed", lambda row: bool(row.signature)),
    show.Column("digest", lambda row: row.digest, room=180),
    show.Column("by", lambda row: row.by, room=140),
    show.Column("reason", lambda row: row.reason, room=160),
)
CHANGES: tuple[show.Column[Change], ...] = (
    show.Column("group", lambda row: row.line, whole=True),
    show.Column("figure", lambda row: row.figure, whole=True),
    show.Column("counted_up", lambda row: row.since),
    show.Column("published_value", lambda row: row.old, lambda row, _: _number(row.old)),
    show.Column("value", lambda row: row.new, lambda row, _: _number(row.new)),
    show.Column("dossiers_added", lambda row: row.added),
    show.Column("dossiers_removed", lambda row: row.removed),
    show.Column("because", lambda row: dict(row.because)),
)
FILE: tuple[show.Column[File], ...] = (
    show.Column("file", lambda row: row.file, whole=True),
    show.Column("edition", lambda row: row.edition),
    show.Column("sha256", lambda row: row.sha256, room=NEVER),
)


async def show_(  # noqa: PLR0913 - one parameter for each thing that may be chosen
    *,
    from_: From,
    to: str,
    agency: str = "",
    level: str = "",
    procedure: str = "",
    field: str = "",
    channel: str = "",
    by: By = "all",
    desk: At,
) -> int:
    """Count a period, both days whole. ``by``: one line each of these; an agency with nothing stands there with 0."""
    chosen = Choice(
        period=period(from_, to),
        agency=agency,
        level=level,
        procedure=procedure,
        field=field,
        channel=channel,
        by=by,
    )
    async with desk.hub() as hub:
        figures = opening.figures(desk.settings, hub.store)
        counted = await figures.count(chosen, desk.now())
    if by == "all":
        row = counted.row()
        show.rows(desk, TOLD, [Told(name, row.value(name)) for name in FIGURES], "nothing.figures")
    else:
        show.rows(desk, GROUPED, list(_named(counted, figures)), "nothing.figures")
    return Exit.OK


def _named(counted: Counted, figures: FigureDesk) -> Iterator[Grouped]:
    fields = {entry.field.code: entry.field for entry in figures.world.procedures.entries.values()}
    for row in sorted(counted.rows, key=lambda each: each.key):
        named = figures.world.agencies.known(row.key) or fields.get(row.key)
        yield Grouped(row, {"vi": named.vi, "en": named.en} if named else {})


async def dossiers(
    figure: str, /, *, from_: From, to: str, agency: str = "", procedure: str = "", desk: At
) -> int:
    """List what is behind a figure: dossiers, or payments with their receipts."""
    if figure not in FIGURES:
        raise Complaint("usage.figure", Exit.USAGE, value=figure, known=", ".join(FIGURES))
    chosen = Choice(period=period(from_, to), agency=agency, procedure=procedure)
    async with desk.hub() as hub:
        counted = await opening.figures(desk.settings, hub.store).count(chosen, desk.now())
    show.rows(desk, BEHIND, list(_behind(counted.row(), figure)), "nothing.figure_dossiers")
    return Exit.OK


def _behind(row: Row, figure: str) -> Iterator[Behind]:
    if figure in DOSSIERS:
        yield from (Behind(code) for code in row.dossiers[figure])
        return
    for amount, paid in row.payments[figure]:
        yield Behind(
            dossier=paid.dossier,
            amount=amount,
            receipt=paid.receipt,
            account=paid.account,
            paid=times.iso(paid.paid_at),
            remitted=times.iso(paid.remitted_at) if paid.remitted_at else "",
        )


async def late(
    *,
    from_: From,
    to: str,
    agency: str = "",
    all_: Annotated[bool, Parameter("--all", negative=())] = False,
    desk: At,
) -> int:
    """List what was resolved late, with why and who accepted that; ``--all``: what is open and late, too. Status 3: one without an accepted reason."""
    chosen = Choice(period=period(from_, to), agency=agency)
    wanted = ("resolved_late", "open_late") if all_ else ("resolved_late",)
    async with desk.hub() as hub:
        figures = opening.figures(desk.settings, hub.store)
        found = await figures.late(await figures.count(chosen, desk.now()), wanted)
    show.rows(desk, LATE, found, "nothing.late")
    return Exit.FOUND if any(not each.why.accepted_by for each in found) else Exit.OK


async def propose(dossier: str, /, *, unit: str, reason: str = "", yes: Yes = False, desk: At) -> int:
    """Say why a dossier is late, and who is responsible for it."""
    said = agreed(desk, [desk.say("consequence.late_propose", dossier=dossier)], reason=reason, yes=yes)
    async with desk.hub() as hub:
        await opening.figures(desk.settings, hub.store).propose(dossier, said, unit, desk.by, desk.now())
    show.rows(desk, ANSWER, [Answer(dossier, said, unit)], "nothing.late")
    return Exit.OK


async def accept(dossier: str, /, *, words: str = "", yes: Yes = False, desk: At) -> int:
    """Accept the reason that was given, or other words for it; they are published."""
    sentence = desk.say("consequence.late_accept", dossier=dossier)
    agreed(desk, [sentence], reason=words or dossier, yes=yes)
    async with desk.hub() as hub:
        figures = opening.figures(desk.settings, hub.store)
        why = await figures.accept(dossier, words, desk.by, desk.now())
    show.rows(desk, ANSWER, [Answer(dossier, why.reason, why.unit, why.accepted_by)], "nothing.late")
    return Exit.OK


async def publish(  # noqa: PLR0913 - one parameter for each thing that a report is of
    form: Form,
    /,
    *,
    from_: From,
    to: str,
    agency: str,
    counted_from: str = "",
    reason: str = "",
    yes: Yes = False,
    desk: At,
) -> int:
    """Freeze a report: signed, never changed. What becomes known later restates it, beside it."""
    span = period(from_, to)
    since = period(counted_from, to) if counted_from else None
    async with desk.hub() as hub:
        figures = opening.figures(desk.settings, hub.store)
        draft = await figures.draft(form, agency, span, since, desk.now())
        open_reasons = sum(1 for each in draft.report.late if not each.reason)
        sentences = [desk.say("consequence.report", report=draft.report.id)]
        sentences += [desk.say("consequence.unexplained", count=open_reasons)] if open_reasons else []
        why = agreed(desk, sentences, reason=reason, yes=yes)
        confirm = await opening.confirming(desk.settings, hub.store)
        edition = await figures.publish(draft, confirm, desk.by, why, desk.now())
        await _bring(desk, hub, edition)
    show.rows(desk, PUBLISHED, [edition.publication], "nothing.reports")
    return Exit.OK


async def _bring(desk: Desk, hub: opening.Hub, edition: Edition) -> None:
    partners = await opening.report_brought(hub, edition, desk.now())
    if partners:
        desk.tell("told.report_brought", partners=", ".join(partners))


async def list_(*, desk: At) -> int:
    """List every edition that was published."""
    async with desk.hub() as hub:
        found = await hub.store.ledger.publications()
    show.rows(desk, PUBLISHED, found, "nothing.reports")
    return Exit.OK


async def restate(report: str, /, *, reason: str = "", yes: Yes = False, desk: At) -> int:
    """Say what is different from a published report by what is known now; with ``--yes`` publish that beside it. Status 3: it differs."""
    async with desk.hub() as hub:
        figures = opening.figures(desk.settings, hub.store)
        last, draft, found = await figures.restated(report, desk.now())
        if found is None:
            desk.tell("already.report", report=report, edition=last.publication.edition)
            return Exit.OK
        show.rows(desk, CHANGES, found.changes, "nothing.report_reasons")
        if not (yes or reason):
            return Exit.FOUND
        sentence = desk.say("consequence.restate", report=report, edition=draft.report.edition)
        why = agreed(desk, [sentence], reason=reason, yes=yes)
        confirm = await opening.confirming(desk.settings, hub.store)
        edition = await figures.publish(draft, confirm, desk.by, why, desk.now())
        await _bring(desk, hub, edition)
    desk.tell("told.restated", report=report, edition=edition.publication.edition)
    return Exit.OK


async def export(report: str, file: Path, /, *, edition: int = 0, desk: At) -> int:
    """Write an edition as a spreadsheet, a page or as it was signed: by the file's ending (xlsx, html, json)."""
    ending = next((each for each in MEDIA if file.suffix == f".{each}"), None)
    if ending is None:
        raise Complaint("usage.export", Exit.USAGE, value=file.suffix, known=", ".join(MEDIA))
    async with desk.hub() as hub:
        found = await opening.figures(desk.settings, hub.store).edition(report, edition)
    _write(file, file_of(found, ending, desk.speech.language))
    kept = File(str(file), found.publication.edition, found.publication.digest)
    show.rows(desk, FILE, [kept], "nothing.reports")
    return Exit.OK


def _write(file: Path, raw: bytes) -> None:
    file.write_bytes(raw)
