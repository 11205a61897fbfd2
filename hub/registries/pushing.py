"""Catalogues are brought to whoever wants them: which versions are owed to whom, and the message that carries one. Pure.

A partner is owed every version from the one in force on, unless it has it: pushed once, whatever became of that, or fetched by itself. The
message names the catalogue (its lane), says what is new, and carries the document whose bytes were signed under ``extensions``.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any

import msgspec

from hub.deadlines.calendar import VIETNAM
from hub.delivery.failure import HUB
from hub.going_live.stages import FLOWS, Stage
from hub.ids import named
from hub.intake.acceptance import UNSAID
from hub.receipts.receipts import receipt
from hub.registries import catalogues
from hub.store.contract.intake import Acceptance, NewTransfer
from schemas.dossier import Actor, Event, Kind, Message, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from datetime import date

    from hub.judging.contract import Said
    from hub.routing.parties import Party
    from hub.store.contract.catalogues import Version

CARRIED = "lienthong.catalogue"
"""Where the document stands among a message's extensions."""
INLINE = 1 << 20
"""Bytes up to which a document travels in the message; a larger one is fetched from where the message says."""
RULE = "published-to-subscribers"
FURTHEST: tuple[Stage, ...] = ("live", "parallel")


class Owed(msgspec.Struct, frozen=True, kw_only=True):
    """One version, and the partners that lack it with the stage of their transfers."""

    version: Version
    partners: Mapping[str, Stage]


def owed(
    versions: Sequence[Version],
    have: Collection[tuple[str, str, int]],
    parties: Sequence[Party],
    on: date,
) -> Iterator[Owed]:
    """``have``: (partner, catalogue, version) of what was pushed or fetched, ever. Oldest first for each catalogue."""
    wanting = [(party.partner_id, flow) for party in parties if (flow := flows(party))]
    counts = catalogues.in_force(versions, on)
    for each in sorted(versions, key=lambda one: (one.id, one.version)):
        if each.id in counts and each.version < counts[each.id].version:
            continue
        lacking = {partner: flow for partner, flow in wanting if (partner, each.id, each.version) not in have}
        if lacking:
            yield Owed(version=each, partners=lacking)


def flows(party: Party) -> Stage | None:
    """A catalogue is about no one procedure: who is further with any of them gets it by that stage. Who is only on trial fetches it."""
    if Kind.CATALOGUE_PUBLISHED not in party.kinds:
        return None
    stages = {party.stage, *party.stages.values()}
    return next((FLOWS["live", stage] for stage in FURTHEST if stage in stages), None)


def message(version: Version, raw: bytes) -> Message:
    """Write what is pushed. ``raw``: the document as it was signed."""
    document = catalogues.from_json(raw)
    changes = document.changes
    counts = {"added": len(changes.added), "removed": len(changes.removed), "changed": len(changes.changed)}
    carried: dict[str, Any] = {
        "id": version.id,
        "version": version.version,
        "effective": version.effective.isoformat(),
        "sha256": version.digest,
        "size": len(raw),
        "changes": counts,
        "path": f"/v1/catalogues/{version.id}/{version.version}",
    }
    carried |= {"signature": version.signature} if version.signature else {}
    carried |= {"document": raw.decode()} if len(raw) <= INLINE else {}
    said = (
        f"{version.id}, phiên bản {version.version}, hiệu lực từ {version.effective.isoformat()}: thêm {counts['added']}, "
        f"bỏ {counts['removed']}, đổi {counts['changed']} mục; SHA-256 {version.digest}; {carried['path']}"
    )
    publisher = document.publisher or HUB
    return Message(
        event=Event(
            kind=Kind.CATALOGUE_PUBLISHED,
            at=version.at,
            actor=Actor(name=publisher),
            content=said,
            started_at=datetime.combine(version.effective, time(), VIETNAM).astimezone(UTC),
            outcome=str(version.version),
            reason=version.reason or None,
        ),
        key=f"catalogue:{version.id}:{version.version}",
        sender=HUB,
        agency=publisher,
        subject=version.id,
        extensions={CARRIED: carried},
    )


def acceptance(
    what: Owed,
    said: Message,
    encoded: Callable[[Message, str, str], Sequence[Said]],
    edition: int,
    now: datetime,
) -> Acceptance:
    """One message for all that lack this version. A transfer's id and key follow from the partner and the version alone: a store that forgot
    that it sent one says the same again. ``encoded``: what a partner's format makes of a message with this id; ``edition``: of the stages.
    """
    version = what.version
    key = f"{said.key}:{min(what.partners)}"
    identity = named(version.at, HUB, key)
    transfers = tuple(
        _transfer(version, partner, stage, part, one)
        for partner, stage in sorted(what.partners.items())
        for part, one in enumerate(encoded(said, identity, partner) or UNSAID, 1)
    )
    canonical = to_json(msgspec.structs.replace(said, key=key))
    digest = hashlib.sha256(canonical).hexdigest()
    return Acceptance(
        message=identity,
        sender=HUB,
        key=key,
        digest=digest,
        raw=canonical,
        media_type="application/json",
        headers={},
        canonical=canonical,
        kind=said.kind,
        accepted_at=now,
        receipt=receipt(
            message=identity, digest=digest, accepted_at=now, kind=said.kind, key=key, transfers=transfers
        ),
        stages=edition,
        transfers=transfers,
        facts={"rule": RULE, "catalogue": version.id, "version": str(version.version)},
    )


def _transfer(version: Version, partner: str, stage: Stage, part: int, said: Said) -> NewTransfer:
    copy = named(version.at, HUB, version.id, str(version.version), partner, str(part))
    return NewTransfer(
        id=copy,
        partner=partner,
        operation=said.operation,
        part=part,
        key=f"{copy}:{partner}:{part}",
        lane_subject=version.id,
        problem=said.problem,
        stage=stage,
    )
