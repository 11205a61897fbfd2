"""``lienthong reconcile show|approve|sign|print``: what comparing days found, what is done about it, and who signs it off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from hub.cli import finding, opening, show, telling, times
from hub.cli.acting import Yes  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.asking import agreed, agreed_by_two
from hub.cli.desk import At, Complaint, Desk
from hub.cli.exits import Exit, of_code
from hub.cli.reconciling import DIFFERENCES, Day, yesterday
from hub.deadlines.calendar import VIETNAM
from hub.lifecycle import APPROVED, LEAVING
from hub.persons import persons
from hub.reconciling import results
from hub.reconciling.comparing import Fix  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.store.contract.reconciling import Mended

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.cli.opening import Hub
    from hub.reconciling.comparing import Finding
    from hub.store.contract.reconciling import Act, Kept, Signed

SHOWN = timedelta(days=31)


@dataclass(frozen=True)
class Result:
    """A day with a partner; ``kept``: ``None`` where nobody compared any. ``left``: findings that nobody explained."""

    partner: str
    kept: Kept | None = None
    found: int = 0
    left: int = 0
    signed: Signed | None = None


RESULTS: tuple[show.Column[Result], ...] = (
    show.Column("partner", lambda row: row.partner, whole=True),
    show.Column(
        "day",
        lambda row: row.kept.day.isoformat() if row.kept else "",
        lambda row, desk: f"{row.kept.day:%d/%m/%Y}" if row.kept else desk.say("nothing.compared"),
    ),
    show.Column("version", lambda row: row.kept.version if row.kept else None),
    show.Column(
        "compared_with",
        lambda row: row.kept.source if row.kept else "",
        lambda row, desk: desk.say(f"other_side.{row.kept.source}") if row.kept else "",
    ),
    show.Column("differing", lambda row: row.found if row.kept else None),
    show.Column(
        "unsettled",
        lambda row: row.left if row.kept else None,
        colour=lambda row, _: "red" if row.left else "",
    ),
    show.Column("signed_off_by", lambda row: row.signed.by if row.signed else ""),
    show.Column("is_signed", lambda row: bool(row.signed and row.signed.signature), room=140),
    show.Column("digest", lambda row: row.kept.digest if row.kept else "", room=180),
)
MENDED: tuple[show.Column[Mended], ...] = (
    show.Column("key", lambda row: row.id, whole=True),
    show.Column("mending", lambda row: row.fix, lambda row, desk: desk.say(f"mending.{row.fix}")),
    show.Column("at", lambda row: row.at, lambda row, _: times.local(row.at)),
    show.Column("by", lambda row: row.by),
    show.Column("approved_by", lambda row: row.approver),
    show.Column("reason", lambda row: row.reason),
)


async def show_(partner: str = "", /, *, day: Day = None, desk: At) -> int:
    """List the last month's results, partners with none too; of one partner a day with what was found. Status 3: something is not settled."""
    async with desk.hub() as hub:
        if not partner:
            since = desk.now().astimezone(VIETNAM).date() - SHOWN
            found = [await _result(hub, each) for each in await hub.store.reconciled.listed(since)]
            known = {each.partner for each in found}
            found += [Result(each) for each in sorted(hub.partners) if each not in known]
            show.rows(desk, RESULTS, found, "nothing.partners")
            return Exit.FOUND if any(each.left for each in found) else Exit.OK
        kept = await _last(hub, partner, day, desk)
        result = await _result(hub, kept)
        mended = await hub.store.reconciled.mended(partner, kept.day, kept.version)
    parts = [
        show.Part("differences", DIFFERENCES, results.read(kept).findings),
        show.Part("mended", MENDED, mended),
    ]
    show.card(desk, RESULTS, result, parts)
    return Exit.FOUND if result.left else Exit.OK


async def approve(  # noqa: PLR0913 - one parameter for each thing that is said of a decision
    partner: str,
    item: str,
    /,
    *,
    day: Day = None,
    fix: Fix | None = None,
    reason: str = "",
    approver: str = "",
    yes: Yes = False,
    desk: At,
) -> int:
    """Do what is proposed about one finding, or explain it; what sends again needs a second person."""
    async with desk.hub() as hub:
        kept = await _last(hub, partner, day, desk)
        found = results.finding(results.read(kept), item)
        chosen = results.mending(found, fix)
        act, transfer = await _act(desk, hub, kept, found, chosen)
        sentence = desk.say("consequence.mending", key=item, mending=desk.say(f"mending.{chosen}"))
        if act and act.move in APPROVED:
            why, second = agreed_by_two(desk, [sentence], reason=reason, yes=yes, approver=approver)
        else:
            why, second = agreed(desk, [sentence], reason=reason, yes=yes), approver.strip()
        done = Mended(
            way=found.way,
            id=item,
            fix=chosen,
            at=desk.now(),
            by=desk.by,
            reason=why,
            approver=second,
            transfer=transfer,
        )
        await hub.store.reconciled.mend(kept, done, act)
    show.rows(desk, MENDED, [done], "nothing.partners")
    return Exit.OK


async def _act(desk: Desk, hub: Hub, kept: Kept, found: Finding, fix: Fix) -> tuple[Act | None, str]:
    """Return the move with the transfer that it is of, as a person's own command would make it."""
    move = results.MOVES.get(fix)
    if move is None:
        return None, ""
    name = await hub.store.edges.transfer(kept.partner, found.id) or found.id
    view = await finding.transfer(hub.store, name)
    leave = await finding.leave(hub, view, desk.now()) if move in LEAVING else None
    problem = persons.why_not(move, view, hub.partners[kept.partner].receives)
    problem = problem or await finding.kept_by_stage(hub, view, leave)
    if problem:
        telling.problems(desk, [problem], view.id)
        raise Complaint("unknown.unmoved", of_code(problem.code), key=found.id)
    return results.act(fix, view.state, leave), view.id


async def sign(partner: str, /, *, day: Day = None, yes: Yes = False, desk: At) -> int:
    """Sign a day off, once everything that differs is explained or mended and compared again."""
    async with desk.hub() as hub:
        kept = await _last(hub, partner, day, desk)
        confirm = await opening.confirming(desk.settings, hub.store)
        mended = await hub.store.reconciled.mended(partner, kept.day, kept.version)
        name = opening.hub_name(desk.settings)
        made = results.signed(kept, mended, name, desk.by, desk.now(), confirm)
        sentence = desk.say("consequence.sign_off", partner=partner, day=f"{kept.day:%d/%m/%Y}")
        agreed(desk, [sentence], reason=kept.digest, yes=yes)
        await hub.store.reconciled.sign(kept, made)
        result = await _result(hub, kept)
    if not made.signature:
        desk.tell("told.signed_off_alone")
    show.rows(desk, RESULTS, [result], "nothing.partners")
    return Exit.OK


async def print_(partner: str, /, *, day: Day = None, desk: At) -> int:
    """Print a day as a page for both sides to sign."""
    async with desk.hub() as hub:
        kept = await _last(hub, partner, day, desk)
        mended = await hub.store.reconciled.mended(partner, kept.day, kept.version)
        signed = await hub.store.reconciled.signed(partner, kept.day, kept.version)
        called = hub.partners[partner].name.vi if partner in hub.partners else partner
    name = opening.hub_name(desk.settings) or desk.say("page.here")
    for line in _page(desk, kept, mended, signed, name, called):
        desk.screen.write(line)
    return Exit.OK


def _page(
    desk: Desk, kept: Kept, mended: tuple[Mended, ...], signed: Signed | None, hub: str, partner: str
) -> Iterator[str]:
    told = results.read(kept)
    day = f"{kept.day:%d/%m/%Y}"
    yield desk.say("page.title", day=day)
    yield desk.say("page.sides", hub=hub, partner=partner)
    source = desk.say(f"other_side.{kept.source}")
    yield desk.say("page.version", version=kept.version, at=times.local(kept.at), by=kept.by, source=source)
    yield desk.say("page.digest", digest=kept.digest)
    yield ""
    for way, counted in told.counts.items():
        direction = desk.say(f"direction.{way}")
        yield desk.say(
            "page.counted",
            direction=direction,
            ours=counted.ours,
            theirs=counted.theirs,
            open=counted.open,
        )
    yield ""
    done = {(each.way, each.id): each for each in mended}
    yield from _found(desk, told.findings, done)
    yield ""
    if signed:
        yield desk.say("page.signed", by=signed.by, at=times.local(signed.at), digest=signed.digest)
        yield signed.signature or desk.say("told.signed_off_alone")
    else:
        yield desk.say("page.unsigned")
    yield ""
    yield desk.say("page.signatures")


def _found(desk: Desk, findings: tuple[Finding, ...], done: dict[tuple[str, str], Mended]) -> Iterator[str]:
    if not findings:
        yield desk.say("nothing.differences_of_day")
    for number, each in enumerate(findings, 1):
        direction, what = desk.say(f"direction.{each.way}"), desk.say(f"difference.{each.what}")
        yield f"{number}. {direction}, {what}: {each.id}"
        fix = done.get((each.way, each.id))
        if fix:
            mending = desk.say(f"mending.{fix.fix}")
            both = f"{fix.by}, {fix.approver}" if fix.approver else fix.by
            yield f"   {mending}: {fix.reason} ({both}, {times.local(fix.at)})"
        else:
            yield f"   {desk.say('page.unsettled')}"


async def _last(hub: Hub, partner: str, day: date | None, desk: Desk) -> Kept:
    """Raises ``Complaint``: nobody compared that day."""
    on = day or yesterday(desk)
    found = await hub.store.reconciled.last(partner, on)
    if found is None:
        raise Complaint("unknown.result", Exit.FAILED, partner=partner, day=on.isoformat())
    return found


async def _result(hub: Hub, kept: Kept) -> Result:
    at = (kept.partner, kept.day, kept.version)
    told, mended = results.read(kept), await hub.store.reconciled.mended(*at)
    left = results.unsettled(told, mended)
    return Result(kept.partner, kept, len(told.findings), len(left), await hub.store.reconciled.signed(*at))
