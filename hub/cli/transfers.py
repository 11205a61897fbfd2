"""``lienthong transfer list|show|payload|journal``: reading. What changes something is in ``acting``."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Literal

from hub.cli import columns, finding, show
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from hub.cli.faces import face_of, sensible_moves
from hub.lifecycle import DONE, State
from hub.persons.persons import routable
from hub.store.contract.views import Filter

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from hub.cli.desk import Desk
    from hub.store.contract.store import Store
    from hub.store.contract.views import AttemptView, Payloads, QueueRow, TransferView

CANNOT_BE_ASKED = "HUB-PAR-009"
Form = Literal["raw", "canonical", "sealed", "sent", "answer"]


async def list_(  # noqa: PLR0913 - one parameter per filter
    *,
    partner: str = "",
    state: tuple[str, ...] = (),
    sender: str = "",
    dossier: str = "",
    problem: str = "",
    after: str = "",
    limit: int = 50,
    desk: At,
) -> int:
    which = Filter(
        partner=partner,
        states=states(state),
        sender=sender,
        dossier_code=dossier,
        problem=problem.upper(),
        after=after,
        limit=limit,
    )
    async with desk.hub() as hub:
        found = await hub.store.transfers(which)
        if not found:
            await finding.partner(hub, partner)
    show.rows(desk, columns.TRANSFERS, found, "nothing.transfers")
    if len(found) >= limit > 0:
        desk.tell("more", command=f"--after {found[-1].id}")
    return Exit.OK


def states(asked: tuple[str, ...]) -> tuple[str, ...]:
    """Read ``dead``, ``in-doubt`` or ``in_doubt``; a word that is no state is a wrong use."""
    known = {state.value for state in State}
    read = tuple(word.lower().replace("-", "_") for word in asked)
    for word in read:
        if word not in known:
            raise Complaint("usage.state", Exit.USAGE, value=word, known=", ".join(sorted(known)))
    return read


async def show_(transfer: str, /, *, desk: At) -> int:
    async with desk.hub() as hub:
        view = await finding.transfer(hub.store, transfer)
        attempts = await hub.store.attempts(view.id)
        head = await finding.head(hub.store, view)
        waiting = await finding.behind(hub.store, view)
        door = None if view.state in DONE else await finding.door(hub.store, view.partner)
        worked = await finding.worked(hub.store, desk.now())
    timeline = show.Part("timeline", columns.ATTEMPTS, attempts)
    show.card(desk, columns.TRANSFER, view, (timeline,))
    if not desk.as_json:
        if door:
            _door(desk, view, door, worked=worked)
        _advise(desk, view, head, waiting)
    return Exit.OK


def _door(desk: Desk, view: TransferView, row: QueueRow, *, worked: bool) -> None:
    """Why nothing goes to the partner now, whatever this transfer's own time says."""
    word = columns.door_word(row)
    if word == "paused":
        desk.tell("lane.paused", partner=row.partner)
    elif word in ("stopped", "shut") and view.state in (State.WAITING, State.IN_DOUBT):
        desk.tell("lane.door", partner=row.partner, door=columns.door_words(row, desk, worked=worked))
        if word == "stopped":
            desk.tell("lane.try_now", partner=row.partner)


def _advise(desk: Desk, view: TransferView, head: TransferView | None, waiting: int) -> None:
    if waiting:
        desk.tell("lane.holds", number=finding.many(waiting))
    if head:
        desk.tell("lane.held_by", head=head.id)
    commands = next_commands(view, head, desk.now())
    if commands:
        desk.screen.tell("\n".join((desk.say("told.next_commands"), *(f"  {each}" for each in commands))))


def next_commands(view: TransferView, head: TransferView | None, now: datetime) -> list[str]:
    """What makes sense now: the head first when this one waits for it, then why, then the moves that are valid."""
    found = [f"lienthong transfer show {head.id}"] if head else []
    if view.problem:
        found.append(f"lienthong error explain {view.problem}")
    moves = [*sensible_moves(view, now)]
    return found + [f"lienthong transfer {move} {view.id}" for move in (*moves, *_mending(view, now))]


def _mending(view: TransferView, now: datetime) -> Iterator[str]:
    """What makes another transfer of it, or sends it blindly."""
    stopped = view.state in {State.REFUSED, State.PARKED, State.DEAD}
    if routable(view):
        yield "route"
    elif stopped or face_of(view, now) == "person":
        yield "correct"
    if view.problem == CANNOT_BE_ASKED and view.state is not State.PARKED:
        yield "send-anyway"


async def payload(transfer: str, /, *, form: Form = "canonical", desk: At) -> int:
    async with desk.hub() as hub:
        view = await finding.transfer(hub.store, transfer)
        content = await _content(hub.store, view, form)
    if content is None:
        raise Complaint("nothing.payload", Exit.FAILED, form=form, id=view.id)
    desk.tell("payload.personal", id=view.id)
    if desk.as_json:
        show.json(desk, {"id": view.id, "form": form, **_in_json(content)})
    else:
        desk.screen.write_bytes(content)
    return Exit.OK


async def _content(store: Store, view: TransferView, form: Form) -> bytes | None:
    if form in ("sent", "answer"):
        return _exchanged(await store.attempts(view.id), form)
    stored = await store.payloads(view.id)
    return None if stored is None else _stored(stored, form)


def _stored(stored: Payloads, form: Form) -> bytes | None:
    if form == "sealed":
        return stored.sealed.payload if stored.sealed else None
    return stored.raw if form == "raw" else stored.canonical


def _exchanged(attempts: tuple[AttemptView, ...], form: Form) -> bytes | None:
    """The bytes of the last call on the wire, envelope and all."""
    calls = [call for view in attempts for call in view.attempt.exchanges]
    if not calls:
        return None
    return calls[-1].sent if form == "sent" else calls[-1].received


def _in_json(content: bytes) -> dict[str, str]:
    try:
        return {"text": content.decode("utf-8")}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}


async def journal(transfer: str, /, *, after: int = 0, limit: int = 100, desk: At) -> int:
    async with desk.hub() as hub:
        view = await finding.transfer(hub.store, transfer)
        found = await hub.store.journal(transfer=view.id, after=after, limit=limit)
    show.rows(desk, columns.JOURNAL, found, "nothing.journal")
    if len(found) >= limit > 0:
        desk.tell("more", command=f"--after {found[-1].seq}")
    return Exit.OK
