"""What follows from accepting a message: story, recipients, transfers, receipt. Pure; made anew when the dossier moved.

Nothing vanishes: a recipient whose format cannot say the message, or that routing could not settle, gets its transfer
all the same, born parked with the reason. A message that does not fit the dossier's story is accepted, leaves the story
as it was, and parks its transfers (quarantine).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING

import msgspec

from hub.deadlines import deadline
from hub.figures import facts as ledger
from hub.going_live import stages
from hub.going_live.staging import Standing  # noqa: TC001
from hub.ids import below, named
from hub.intake.placing import before_of, numbered, placed
from hub.judging.contract import Inbound, Judged, Said
from hub.judging.trying import transfer_key
from hub.judging.wrapping import OFFICER
from hub.receipts.receipts import receipt
from hub.registries import catalogues
from hub.routing.parties import Party, Roster  # noqa: TC001
from hub.routing.router import Router  # noqa: TC001
from hub.store.contract.catalogues import Version  # noqa: TC001
from hub.store.contract.intake import Acceptance, Alias, Known, NewTransfer, Numbered
from hub.story import joining, record, truth
from hub.story.advance import Advanced, Noted, Quarantined, Sender
from hub.story.moves import CLOSED
from schemas.dossier import Kind, Message, Procedure, from_json, to_json
from schemas.problems import Problem, refuse
from schemas.workdays import Workdays  # noqa: TC001

if TYPE_CHECKING:
    from datetime import datetime

    from hub.going_live.stages import Heard
    from hub.routing.recipients import Recipient, Routed
    from hub.story.record import Story

NOTHING_SAID = "none"
"""The operation of a parked transfer for which there is none."""
AN_OPERATION = "an operation for this kind"
UNSAID = (
    Said(
        operation=NOTHING_SAID,
        problem=Problem(code="HUB-MAP-009", place="/event/kind", rule=AN_OPERATION),
    ),
)
"""What a format makes of a kind that it has no way to say: it waits, and who runs the recipient's system can act."""


class Accepting(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is the same for every message. Call it: ``decide`` with these parts. ``standing``: the parties with the
    stages that persons gave them, and of which ``edition`` these are; without one the files say it. ``versions``: of catalogues.
    ``hub``: what this one calls itself in the stamps of what it accepts first.
    """

    router: Router
    parties: Roster | Sequence[Party]
    days: Workdays
    standing: Standing | None = None
    edition: int | None = None
    versions: Sequence[Version] = ()
    hub: str = "hub"

    def __call__(self, judged: Judged, known: Known | None, inbound: Inbound, now: datetime) -> Acceptance:
        parts = self
        if self.standing is not None:
            parties, edition = self.standing.now
            parts = msgspec.structs.replace(
                self, parties=parties, edition=edition, versions=self.standing.versions
            )
        return decide(judged, known, inbound, now, parts)


def decide(
    judged: Judged, known: Known | None, inbound: Inbound, now: datetime, parts: Accepting
) -> Acceptance:
    """Decide all rows of one message. ``known``: what the hub knows of its dossier now.

    Raises ``Refusal`` HUB-DOS-002, -003 or -007 when the story says that this sender may not say this, HUB-AUT-010;
    HUB-SGN-002, -004.
    """
    message = from_json(judged.canonical)
    before = before_of(known)
    found = placed(
        before,
        message,
        judged,
        known,
        Sender(
            partner=judged.sender,
            agency=judged.agency,
            may_create=judged.may_create,
            settles_duty=judged.settles_duty,
            informed=parts.router.informed(parts.parties, judged.sender),
            answers=judged.answers,
            entitled=before is not None
            and parts.router.entitled(before, parts.parties, judged.sender, on=now.date()),
            below=parts.router.is_below(parts.parties, judged.sender),
        ),
        hub=parts.hub,
        on=now.date(),
        forms=parts.router.agencies.forms,
        heirs=lambda code: parts.router.agencies.heir(code, now.date()),
    )
    judgement, told = found.judged, None
    after = judgement.story
    _allowed(judged, after)
    _signed(judged, before, message)
    heard = _heard(judged, before, after, parts, now)
    after = _stands(heard, before, after)
    if before is None and after is not None and parts.versions:
        codes = (after.national, after.local)
        after = msgspec.structs.replace(
            after, catalogues=catalogues.pinned(parts.versions, now.date(), codes)
        )
    identity = identity_of(judged, message)
    quarantine = judgement.problem if isinstance(judgement, Quarantined) and heard.believed else None
    dossier = None
    if message.dossier is not None:
        dossier = known.dossier if known else below(identity, "dossier")
        message = _named(message, dossier)
    quiet = _quiet(judgement, believed=heard.believed)
    routed = (
        parts.router.relayed(message, after, parts.parties, on=now.date(), rule=quiet, trial=judged.trial)
        if quiet
        else parts.router.route(
            message,
            after,
            parts.parties,
            on=now.date(),
            sender=judged.told or None,
            trial=judged.trial,
            agency=judged.relayed.agency if judged.relayed else "",
        )
    )
    if after is not None:  # what is quarantined here other hubs hear all the same, and may answer
        told_of = (each for each in routed.recipients if each.problem is None)
        after = joining.join(after, (each.partner for each in told_of if quarantine is None or each.relays))
    if after is not None and isinstance(judgement, Advanced) and heard.believed:
        procedure = parts.router.procedure(after)
        hours = procedure.hours if procedure else None
        after = deadline.counted(before, after, message, hours, parts.days)
    if after is not None:
        after, told = numbered(found, judged, identity, before, after, believed=heard.believed)
    lane = dossier or message.subject or identity
    due = after.deadline if after else None
    transfers = tuple(
        NewTransfer(
            id=below(identity, recipient.partner, str(part)),
            partner=recipient.partner,
            operation=said.operation,
            part=part,
            key=transfer_key(identity, recipient.partner, part),
            lane_subject=lane,
            deadline=due,
            problem=None if recipient.relays else quarantine or recipient.problem or said.problem,
            stage=recipient.stage,
        )
        for recipient in routed.recipients
        for part, said in enumerate(_said(recipient, judged), 1)
    )
    return Acceptance(
        message=identity,
        sender=judged.sender,
        key=judged.key,
        natural_key=judged.natural_key,
        clocked=inbound.clocked,
        signed_key=judged.signed_key,
        digest=judged.digest,
        raw=inbound.content(),
        media_type=judged.media_type,
        headers=inbound.headers,
        canonical=to_json(message),
        kind=judged.kind,
        accepted_at=now,
        receipt=receipt(
            message=identity,
            digest=judged.digest,
            accepted_at=now,
            kind=judged.kind,
            key=judged.key,
            transfers=transfers,
            dossier=dossier,
            code=judged.code,
            stage=heard.traffic,
        ),
        dossier=dossier,
        aliases=_aliases(message, judged) if heard.believed else (),
        expected_version=known.version if known else 0,
        stages=parts.edition,
        story=record.to_json(after) if after else b"",
        transfers=transfers,
        documents=judged.documents,
        facts=_facts(judged, routed, judgement.flags, quarantine)
        | ({"officer": inbound.headers[OFFICER]} if OFFICER in inbound.headers else {})
        | ({} if heard.traffic == "live" else {"stage": heard.traffic})
        | deadline.facts(before.deadline if before else None, after),
        numbered=told,
        truth=truth.digest(after) if after else "",
        fact=_fact(identity, message, after, parts.router.agencies.forms)
        if heard.believed and _may_count(judgement, told)
        else b"",
    )


NOTED = "noted: a copy, or one message"


def _quiet(judgement: Advanced | Noted | Quarantined, *, believed: bool) -> str:
    """Return the rule by which no system hears of it; empty: routing decides. Other hubs hear all the same."""
    if not believed:
        return stages.RECORDED
    return NOTED if isinstance(judgement, Noted) and judgement.aside else ""


def _may_count(judgement: Advanced | Noted | Quarantined, told: Numbered | None) -> bool:
    """What does not fit now may fit once the story is told anew; the store knows which messages are set aside."""
    return isinstance(judgement, Advanced) or (isinstance(judgement, Quarantined) and told is not None)


def _fact(identity: str, message: Message, after: Story | None, forms: Mapping[str, str]) -> bytes:
    """What figures are counted from; nothing where a message is about no dossier."""
    if after is None or message.dossier is None:
        return b""
    return ledger.to_json(ledger.fact_of(identity, message, message.dossier, after, forms))


def _heard(
    judged: Judged, before: Story | None, after: Story | None, parts: Accepting, now: datetime
) -> Heard:
    """Return what the message counts as; what another hub accepted first is what it was there. Raises ``Refusal`` HUB-STG-001."""
    speaks = parts.router.stage(after, parts.parties, judged.sender, on=now.date())
    if judged.relayed is not None and speaks == "live":
        speaks = next((stage for stage in stages.STAGES if stage == judged.relayed.stage), speaks)
    origin = before is not None and before.origin == judged.sender
    return stages.heard(speaks, before.stage if before else None, trial=judged.trial, origin=origin)


def _stands(heard: Heard, before: Story | None, after: Story | None) -> Story | None:
    """What the dossier's story is from here on: who is not believed changes nothing of it."""
    if not heard.believed:
        return before
    if after is None or after.stage == heard.dossier:
        return after
    return msgspec.structs.replace(after, stage=heard.dossier)


def _allowed(judged: Judged, story: Story | None) -> None:
    """Raise HUB-AUT-010 when its sender may speak of some procedures only, and the dossier's is none of them.

    The dossier's own procedure counts, not what this message says of it; one that nobody knows is not allowed.
    """
    if judged.procedures and story is not None and not {story.national, story.local} & {*judged.procedures}:
        raise refuse("HUB-AUT-010", "/dossier/procedure", rule=" | ".join(judged.procedures))


def _signed(judged: Judged, before: Story | None, message: Message) -> None:
    """What only the dossier's story tells of a signatory's right.

    Raises HUB-SGN-002 when the right was judged by another procedure than the dossier's, HUB-SGN-004 when a result is told
    before anybody with the right has signed one.
    """
    if judged.repeats and not (before and any(leg.state in CLOSED for leg in before.legs)):
        raise refuse("HUB-SGN-004", "/event/kind", rule=Kind.FINISHED)
    if judged.signatory and before and not _is_of(before, message, judged.sender):
        raise refuse("HUB-SGN-002", "/dossier/procedure", rule=before.national or before.local or "")


def _is_of(story: Story, message: Message, sender: str) -> bool:
    """Whether a message names the procedure of the dossier. A local code counts from where the dossier has its own."""
    said = (message.dossier and message.dossier.procedure) or Procedure()
    if story.national or said.national:
        return story.national in {None, said.national} and (story.national is not None or not story.local)
    return story.local in {None, said.local} or (said.local is not None and sender != story.origin)


def identity_of(judged: Judged, message: Message) -> str:
    """Name the message by who said it, under which key, in which bytes.

    Whoever restores an older store and is told the same again makes the same ids and so the same transfer keys: a partner
    that keeps keys takes it once. The bytes are part of it, because what is mended, or said under a key that was
    forgotten long ago, is another message.
    """
    digest = judged.relayed.digest if judged.relayed else judged.digest
    return named(message.event.at, judged.sender, judged.natural_key or judged.key, digest)


def _named(message: Message, dossier: str) -> Message:
    """Put the hub's own id of the dossier into the message."""
    said = message.dossier
    if said is None:
        return message
    return msgspec.structs.replace(message, dossier=msgspec.structs.replace(said, id=dossier))


def _said(recipient: Recipient, judged: Judged) -> Sequence[Said]:
    """Return what the recipient's format makes of it: at least one part, so that nothing vanishes."""
    return judged.trials.get(recipient.partner) or UNSAID


def _aliases(message: Message, judged: Judged) -> tuple[Alias, ...]:
    if message.dossier is None:
        return ()
    told = [(judged.authority, message.dossier.code)]
    told += judged.aliases
    return tuple(Alias(authority=authority, code=code) for authority, code in dict.fromkeys(told))


def _facts(
    judged: Judged, routed: Routed, flags: Sequence[str], quarantine: Problem | None
) -> dict[str, str]:
    """What the journal keeps beside the rows: which rules decided, who signed; never what was said."""
    told = {
        "format": judged.format,
        "size": str(judged.size),
        "rule": routed.rule,
        "decider": routed.decider or "",
        "flags": " ".join(flags),
        "signer": judged.signer,
        "signatory": judged.signatory,
        "algorithm": judged.algorithm,
        "profile": judged.profile,
        "stamped_at": judged.stamped_at.isoformat() if judged.stamped_at else "",
        "quarantine": quarantine.code if quarantine else "",
        "relayed": f"{judged.relayed.hub} {judged.relayed.id}" if judged.relayed else "",
    }
    return {name: value for name, value in told.items() if value}
