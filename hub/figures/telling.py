"""A published report as a message to those who want it (``report_published``): the figures of its total line. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from hub.delivery.failure import HUB
from hub.figures.report import to_json as report_json
from hub.going_live.stages import FLOWS, Stage
from hub.ids import named
from hub.intake.acceptance import UNSAID
from hub.receipts.receipts import receipt
from hub.store.contract.intake import Acceptance, NewTransfer
from schemas.dossier import Actor, Event, Figure, Kind, Message, Report, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from hub.figures.publishing import Edition
    from hub.judging.contract import Said
    from hub.routing.parties import Party

CARRIED = "lienthong.report"
"""Where the published document stands among a message's extensions."""
RULE = "published-to-subscribers"
FURTHEST: tuple[Stage, ...] = ("live", "parallel")


def wanting(parties: Sequence[Party]) -> dict[str, Stage]:
    """Return who takes reports, with the stage of their transfers; who is only on trial reads the page."""
    found = {}
    for party in parties:
        stages = {party.stage, *party.stages.values()}
        flow = next((FLOWS["live", stage] for stage in FURTHEST if stage in stages), None)
        if Kind.REPORT_PUBLISHED in party.kinds and flow is not None:
            found[party.partner_id] = flow
    return found


def message(edition: Edition) -> Message:
    """Write what is told; the document goes with it as it was signed."""
    told, publication = edition.report, edition.publication
    return Message(
        event=Event(
            kind=Kind.REPORT_PUBLISHED,
            at=publication.at,
            actor=Actor(name=told.publisher or HUB),
            outcome=str(told.edition),
            reason=publication.reason or None,
        ),
        key=f"report:{told.id}:{told.edition}",
        sender=HUB,
        agency=told.agency or told.publisher or HUB,
        subject=told.id,
        report=Report(
            name=told.form,
            period=f"{told.first}/{told.last}",
            agency=told.agency or None,
            agency_name=told.vi or None,
            note=f"SHA-256 {publication.digest}",
            figures=tuple(Figure(name=name, value=str(value)) for name, value in told.total.figures.items()),
        ),
        extensions={
            CARRIED: {
                "document": report_json(told).decode(),
                "sha256": publication.digest,
                **({"signature": publication.signature} if publication.signature else {}),
            }
        },
    )


def acceptance(
    edition: Edition,
    partners: Mapping[str, Stage],
    encoded: Callable[[Message, str, str], Sequence[Said]],
    stages: int,
    now: datetime,
) -> Acceptance:
    """One message for all of them. Its id and keys follow from the edition alone: brought again it is the same. ``stages``: their edition."""
    said = message(edition)
    identity = named(edition.publication.at, HUB, said.key)
    transfers = tuple(
        NewTransfer(
            id=(copy := named(edition.publication.at, HUB, said.key, partner, str(part))),
            partner=partner,
            operation=one.operation,
            part=part,
            key=f"{copy}:{partner}:{part}",
            lane_subject=edition.report.id,
            problem=one.problem,
            stage=stage,
        )
        for partner, stage in sorted(partners.items())
        for part, one in enumerate(encoded(said, identity, partner) or UNSAID, 1)
    )
    canonical = to_json(said)
    digest = hashlib.sha256(canonical).hexdigest()
    return Acceptance(
        message=identity,
        sender=HUB,
        key=said.key,
        digest=digest,
        raw=canonical,
        media_type="application/json",
        headers={},
        canonical=canonical,
        kind=said.kind,
        accepted_at=now,
        receipt=receipt(
            message=identity,
            digest=digest,
            accepted_at=now,
            kind=said.kind,
            key=said.key,
            transfers=transfers,
        ),
        stages=stages,
        transfers=transfers,
        facts={"rule": RULE, "report": edition.report.id, "edition": str(edition.report.edition)},
    )
