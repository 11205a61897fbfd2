"""What comparing a day found, as it is kept, mended and signed off: canonical JSON, by keys and digests, without personal data."""

from __future__ import annotations

import hashlib
from datetime import date, datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING

import msgspec

from hub.lifecycle import Move
from hub.reconciling.comparing import Counts, Finding, Fix, counts, findings
from hub.reconciling.items import Way  # noqa: TC001 - msgspec reads the annotations at run time
from hub.store.contract.reconciling import Act, Kept, Mended, Signed
from schemas.problems import refuse

if TYPE_CHECKING:
    from hub.lifecycle import State
    from hub.receipts.receipts import Confirm
    from hub.reconciling.items import Item, Side
    from hub.store.contract.stages import Leave

NOT_FOUND, UNSETTLED, NO_MOVE = "HUB-RCN-002", "HUB-RCN-004", "HUB-RCN-005"
MOVES = {Fix.RESEND: Move.SEND_AGAIN, Fix.WITHDRAW: Move.WITHDRAW}
"""What a person approves here; asking and fetching have commands of their own, and a new comparison shows what they brought."""


class Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``counts`` by way."""

    v: int = 1
    partner: str
    day: date
    source: str
    counts: dict[Way, Counts]
    findings: tuple[Finding, ...]


class Protocol(msgspec.Struct, frozen=True, kw_only=True):
    """What is signed: which version, what it says by its digest, and what was done about each finding."""

    v: int = 1
    hub: str
    partner: str
    day: date
    version: int
    digest: str
    mended: tuple[Mended, ...]
    by: str
    at: datetime


def document(partner: str, day: date, source: str, ours: Side, theirs: Side) -> Document:
    """``theirs`` in our words for the ways."""
    found = tuple(
        msgspec.structs.replace(each, ours=_bare(each.ours), theirs=_bare(each.theirs))
        for each in findings(ours, theirs)
    )
    return Document(
        partner=partner, day=day, source=source, counts=dict(counts(ours, theirs)), findings=found
    )


def _bare(item: Item | None) -> Item | None:
    """What one side says, without the dossier's code."""
    return msgspec.structs.replace(item, code="") if item else None


def kept(told: Document, by: str, at: datetime) -> Kept:
    """Its version is the store's to give."""
    raw = msgspec.json.encode(told, order="deterministic")
    return Kept(
        partner=told.partner,
        day=told.day,
        version=0,
        at=at,
        by=by,
        source=told.source,
        digest=hashlib.sha256(raw).hexdigest(),
        document=raw,
    )


def read(of: Kept) -> Document:
    return msgspec.json.decode(of.document, type=Document)


def finding(told: Document, id_: str) -> Finding:
    """Raises ``Refusal`` HUB-RCN-002: this day has no such finding."""
    found = next((each for each in told.findings if each.id == id_), None)
    if found is None:
        raise refuse(NOT_FOUND, "key", detail=id_)
    return found


def mending(found: Finding, fix: Fix | None) -> Fix:
    """Return what is to be done: what is chosen, or the first that is done by a person's move. Raises ``Refusal`` HUB-RCN-005."""
    able = [each for each in found.fixes if each in MOVES or each is Fix.EXPLAIN]
    chosen = fix or able[0]
    if chosen not in able:
        raise refuse(NO_MOVE, "fix", rule=", ".join(able))
    return chosen


def act(fix: Fix, state: State, leave: Leave | None) -> Act | None:
    """``None``: nothing is moved."""
    move = MOVES.get(fix)
    return Act(move=move, expected=state, leave=leave) if move else None


def unsettled(told: Document, mended: tuple[Mended, ...]) -> tuple[Finding, ...]:
    """Return the findings that nobody explained. One that was sent again or withdrawn is settled by the next comparison."""
    explained = {(each.way, each.id) for each in mended if each.fix == Fix.EXPLAIN}
    return tuple(each for each in told.findings if (each.way, each.id) not in explained)


def signed(of: Kept, mended: tuple[Mended, ...], hub: str, by: str, at: datetime, confirm: Confirm) -> Signed:
    """Raises ``Refusal`` HUB-RCN-004 while something differs that nobody explained."""
    left = unsettled(read(of), mended)
    if left:
        raise refuse(UNSETTLED, left[0].id, rule=str(len(left)))
    protocol = Protocol(
        hub=hub,
        partner=of.partner,
        day=of.day,
        version=of.version,
        digest=of.digest,
        mended=mended,
        by=by,
        at=at,
    )
    raw = msgspec.json.encode(protocol, order="deterministic")
    return Signed(
        at=at, by=by, digest=hashlib.sha256(raw).hexdigest(), signature=confirm(raw, at), protocol=raw
    )
