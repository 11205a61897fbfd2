"""Finding what a person named, and what stands behind it in its lane."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.cli.desk import Complaint
from hub.cli.exits import Exit
from hub.delivery.remembering import remembered
from hub.doctor.rules import ALIVE
from hub.going_live import stages
from hub.lifecycle import DONE, State
from hub.store.contract.stages import Leave
from hub.store.contract.views import Filter
from hub.story import record
from hub.story.filling import fill
from schemas.problems import Problem, refuse

if TYPE_CHECKING:
    from datetime import datetime

    from hub.cli.opening import Hub
    from hub.going_live.stages import Stage
    from hub.store.contract.store import Store
    from hub.store.contract.views import QueueRow, TransferView
    from schemas.dossier import Message

UNFINISHED = tuple(state.value for state in State if state not in DONE)
BEHIND = 200
"""How far a lane is looked into; a longer one is shown as ``200+``."""


async def transfer(store: Store, prefix: str) -> TransferView:
    """Return the one transfer whose id starts so; raises ``Refusal`` HUB-LAN-004 when there is none, or more than one."""
    spellings = dict.fromkeys((prefix, prefix.upper())) if prefix else ()
    for each in spellings:
        found = await store.transfer(each)
        if found is not None:
            return found
    raise refuse("HUB-LAN-004", detail=prefix)


async def whole(store: Store, view: TransferView, message: Message) -> Message:
    """Return a transfer's message with what its dossier said and it leaves out, as when it is sealed."""
    if view.dossier is None:
        return message
    return fill(message, await remembered(store.said, view.dossier, message.sender, view.message)).message


async def worked(store: Store, now: datetime) -> bool:
    """Whether a worker process is alive, on any machine."""
    return any(one.role == "worker" and now - one.seen < ALIVE for one in await store.processes())


async def partner(hub: Hub, name: str) -> None:
    """Raise ``Complaint`` for a name that neither the queue nor a partner file knows; an empty name is nobody's."""
    if not name:
        return
    queued = [row.partner for row in await hub.store.queue()]
    if name not in queued and name not in hub.partners:
        known = sorted({*queued, *hub.partners})
        raise Complaint("unknown.partner", Exit.FAILED, name=name, known=", ".join(known))


async def leave(hub: Hub, view: TransferView, now: datetime) -> Leave | None:
    """Return by what stages a transfer may leave; ``None``: nobody ever set one, and partner files need not be read."""
    found = await hub.store.stages.stages()
    if not found.edition and view.stage == "live":
        return None
    means, on = hub.means.over(found.staged), now.date()

    def stage(raw: bytes) -> Stage:
        return means.stage(record.from_json(raw) if raw else None, view.partner, on=on)

    return Leave(edition=found.edition, stage=stage)


async def kept_by_stage(hub: Hub, view: TransferView, leave: Leave | None) -> Problem | None:
    """Say why the stage of its recipient does not let a transfer leave; the store looks again when it lets it."""
    if leave is None:
        return None
    dossier = await hub.store.dossier(view.dossier) if view.dossier else None
    after = leave.stage(dossier.story if dossier else b"")
    if stages.may_leave(view.stage, after):
        return None
    return Problem(code="HUB-STG-004", place=view.id, rule=f"{view.stage} → {after}")


async def door(store: Store, name: str) -> QueueRow | None:
    """Return the partner's row of the queue, which says whether anything goes to it now."""
    return next((row for row in await store.queue() if row.partner == name), None)


async def lane(store: Store, view: TransferView) -> tuple[TransferView, ...]:
    """Return the unfinished transfers of its lane, just past ``BEHIND``; empty where the lane has no dossier code."""
    if not view.code:
        return ()
    which = Filter(partner=view.partner, dossier_code=view.code, states=UNFINISHED, limit=BEHIND + 2)
    return tuple(each for each in await store.transfers(which) if each.dossier == view.dossier)


async def behind(store: Store, view: TransferView) -> int:
    """Count who waits for this one."""
    if view.blocked or view.state in DONE:
        return 0
    return sum(each.blocked for each in await lane(store, view))


async def head(store: Store, view: TransferView) -> TransferView | None:
    """Return who holds this one back."""
    if not view.blocked:
        return None
    return next((each for each in await lane(store, view) if not each.blocked), None)


def many(number: int) -> str:
    return f"{BEHIND}+" if number > BEHIND else str(number)
