"""``lienthong transfer correct|route``: a new transfer in the stead of one that cannot go as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from connectors.contract import Deferred, Delivered, Refused
from hub.cli import columns, finding, show
from hub.cli.acting import Yes  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.asking import agreed
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from hub.intake.acceptance import AN_OPERATION
from hub.lifecycle import MOVES, Move, State
from hub.persons import rerouting
from hub.persons.persons import routable
from hub.store.contract.mending import Correction, Rerouting
from hub.store.contract.store import Stale
from hub.story import record
from schemas.dossier import from_json
from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from hub.cli.desk import Desk
    from hub.cli.opening import Hub
    from hub.store.contract.views import TransferView
    from hub.story.record import Story
    from schemas.dossier import Message

TRIES = 5
"""How often it is decided anew because the dossier moved meanwhile."""


async def correct(
    transfer: str, /, *, reason: str = "", asked: Yes = False, yes: Yes = False, desk: At
) -> int:
    """Encode the message anew, after asking where the old copy may have arrived."""
    async with desk.hub() as hub:
        view = await finding.transfer(hub.store, transfer)
        if (view.state, Move.SUPERSEDE) not in MOVES:
            raise refuse("HUB-LAN-002", view.id, rule=f"{view.state} → correct")
        leave = await finding.leave(hub, view, desk.now())
        if (problem := await finding.kept_by_stage(hub, view, leave)) is not None:
            raise Refusal(problem)
        message = await _message(hub, view)
        operation, *more = await _operations(hub, view, message)
        tries = len(await hub.store.attempts(view.id))
        who = await _who_says_no(hub, view, asked=asked) if view.state is State.IN_DOUBT else ""
        behind = finding.many(await finding.behind(hub.store, view))
        sentence = desk.say("consequence.correct", id=view.id, partner=view.partner, behind=behind)
        why = agreed(desk, [sentence], reason=reason, yes=yes)
        correction = Correction(
            old=view.id,
            new=hub.means.new_id(),
            operation=operation,
            expected=view.state,
            tries=tries,
            reason=why,
            by=desk.by,
            asked=who,
            more=tuple((hub.means.new_id(), each) for each in more),
            leave=leave,
        )
        made = await hub.store.correct(correction, desk.now())
    show.rows(desk, columns.TRANSFERS, [made], "nothing.transfers")
    return Exit.OK


async def _message(hub: Hub, view: TransferView) -> Message:
    """What it is made from: with what its dossier said, as when it is sealed."""
    stored = await hub.store.payloads(view.id)
    if stored is None:
        raise refuse("HUB-LAN-004", detail=view.id)
    return await finding.whole(hub.store, view, from_json(stored.canonical))


async def _operations(hub: Hub, view: TransferView, message: Message) -> list[str]:
    """Return what today's format calls this part and, behind the last one, those that it had not before.

    Raises ``Refusal`` when one still cannot be said: nothing would be gained.
    """
    said = hub.means.said(message, view.message, view.partner)
    if not said or view.part > len(said):
        raise refuse("HUB-MAP-009", "/event/kind", rule=AN_OPERATION, detail=view.partner)
    found = said[view.part - 1 :] if await _is_last(hub, view) else said[view.part - 1 : view.part]
    for each in found:
        if each.problem is not None:
            raise Refusal(each.problem)
    return [each.operation for each in found]


async def _is_last(hub: Hub, view: TransferView) -> bool:
    """Whether its message has no further part for this partner."""
    found = await hub.store.message(view.message)
    others = [await hub.store.transfer(each) for each in (found.transfers if found else ())]
    return all(each is None or each.partner != view.partner or each.part <= view.part for each in others)


async def _who_says_no(hub: Hub, view: TransferView, *, asked: bool) -> str:
    """Return who answered that the partner does not have it. Raises ``Refusal`` HUB-LAN-007 or -008."""
    stored = await hub.store.payloads(view.id)
    sealed = stored.sealed if stored else None
    outcome = None if sealed is None else await hub.means.find(view, sealed)
    match outcome:
        case Deferred() | Refused():
            return "partner"
        case Delivered():
            raise refuse("HUB-LAN-008", view.id)
        case None if asked:
            return "person"
        case _:
            raise refuse("HUB-LAN-007", view.id, detail=outcome.reason.code if outcome else "")


async def route(transfer: str, /, *, reason: str = "", yes: Yes = False, desk: At) -> int:
    """Run the routing again on what was parked for want of a recipient."""
    async with desk.hub() as hub:
        view = await finding.transfer(hub.store, transfer)
        if not routable(view):
            raise refuse("HUB-LAN-009", view.id, rule=f"{view.state} {view.problem}".strip())
        message = await _message(hub, view)
        why = ""
        for _ in range(TRIES):
            plan, rerouted = await _plan(desk, hub, view, message)
            why = why or agreed(desk, [_goes_to(desk, view, rerouted)], reason=reason, yes=yes)
            try:
                made = await hub.store.reroute(
                    msgspec.structs.replace(plan, reason=why, by=desk.by), desk.now()
                )
            except Stale:
                continue
            show.rows(desk, columns.TRANSFERS, made, "nothing.transfers")
            return Exit.OK
    raise Complaint("usage.moved", Exit.CONFLICT, id=view.id)


async def _plan(
    desk: Desk, hub: Hub, view: TransferView, message: Message
) -> tuple[Rerouting, rerouting.Rerouted]:
    found = await hub.store.message(view.message)
    others = [await hub.store.transfer(each) for each in (found.transfers if found else ())]
    having = {
        each.partner
        for each in others
        if each is not None and each.id != view.id and each.state is not State.WITHDRAWN
    }
    known, version = await _story(hub, view)
    staged = await hub.store.stages.stages()
    means = hub.means.over(staged.staged)
    rerouted = rerouting.reroute(view, message, known, having, means, means.new_id, on=desk.now().date())
    if rerouted.problem is not None:
        raise Refusal(msgspec.structs.replace(rerouted.problem, place=view.id))
    plan = Rerouting(
        old=view.id,
        transfers=rerouted.transfers,
        rule=rerouted.rule,
        reason="",
        by="",
        expected_version=version,
        stages=staged.edition,
        story=record.to_json(rerouted.story) if rerouted.story else b"",
    )
    return plan, rerouted


async def _story(hub: Hub, view: TransferView) -> tuple[Story | None, int]:
    if view.dossier is None:
        return None, 0
    dossier = await hub.store.dossier(view.dossier)
    return (None, 0) if dossier is None else (record.from_json(dossier.story), dossier.version)


def _goes_to(desk: Desk, view: TransferView, rerouted: rerouting.Rerouted) -> str:
    partners = ", ".join(dict.fromkeys(each.partner for each in rerouted.transfers))
    name = "consequence.route" if partners else "consequence.route_nobody"
    return desk.say(name, id=view.id, partners=partners, rule=rerouted.rule)
