"""``lienthong mapping propose|approve``: a new version of a mapping, agreed by both owners, from a day on."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter

from hub.cli import opening, show
from hub.cli.acting import Yes  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.asking import agreed
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from hub.cli.mappings import KNOWN, known
from hub.drafting.files import lay
from hub.going_live.staging import SIGNATURE
from hub.mappings import governing
from hub.mappings.governing import Approval, Proposal, Side

if TYPE_CHECKING:
    from hub.cli.desk import Desk
    from hub.store.contract.governing import Decided

Day = Annotated[date, Parameter(name="--from")]
Owner = Annotated[Side, Parameter(name="--as")]


async def propose(
    new: str, /, *, replaces: str, begins: Day, reason: str = "", yes: Yes = False, desk: At
) -> int:
    """Both versions must be finished, of one format and of the same operations; earlier approvals of ``new`` count no more."""
    told = opening.versions(desk.settings, new, replaces)
    if told.problem:
        raise Complaint(f"propose.{told.problem}", Exit.FAILED, new=new, old=replaces)
    sentence = desk.say("consequence.propose", new=new, old=replaces, begins=begins.isoformat())
    why = agreed(desk, [sentence], reason=reason, yes=yes)
    proposal = Proposal(
        mapping=new, replaces=replaces, begins=begins, digest=told.digest, by=desk.by, at=desk.now()
    )
    facts = {"begins": begins.isoformat(), "reason": why}
    with governing.alone(opening.proposal_file(desk.settings, new)):
        await _written(desk, "mapping_proposed", proposal, facts)
    _shown(desk, new)
    return Exit.OK


async def approve(new: str, /, *, side: Owner, who: str, reason: str = "", yes: Yes = False, desk: At) -> int:
    """An approval is of the bytes as they are now: they must be the ones that were proposed."""
    told = opening.versions(desk.settings, new)
    proposal = told.proposal
    if proposal is None:
        raise Complaint("propose.none", Exit.FAILED, new=new)
    if proposal.digest != told.digest:
        raise Complaint("propose.changed", Exit.CONFLICT, new=new)
    sentence = desk.say(
        "consequence.approve",
        new=new,
        old=proposal.replaces,
        begins=proposal.begins.isoformat(),
        side=desk.say(f"owner.{side}"),
        who=who,
    )
    why = agreed(desk, [sentence], reason=reason, yes=yes)
    given = Approval(side=side, who=who, by=desk.by, at=desk.now(), digest=told.digest)
    with governing.alone(opening.proposal_file(desk.settings, new)):
        now = opening.versions(desk.settings, new)  # the other owner may have approved since this was asked
        if now.proposal is None or (now.digest, _asked(now.proposal)) != (told.digest, _asked(proposal)):
            raise Complaint("propose.changed", Exit.CONFLICT, new=new)
        others = tuple(each for each in now.proposal.approved if each.side != side)
        after = msgspec.structs.replace(proposal, approved=(*others, given))
        await _written(desk, "mapping_approved", after, {"side": side, "who": who, "reason": why})
    _shown(desk, new)
    return Exit.OK


def _asked(proposal: Proposal) -> Proposal:
    """What an owner says yes to."""
    return msgspec.structs.replace(proposal, approved=())


async def _written(desk: Desk, what: Decided, proposal: Proposal, more: dict[str, str]) -> None:
    """The journal first: what counts is never without its entry."""
    facts = {
        "mapping": proposal.mapping,
        "replaces": proposal.replaces,
        "digest": proposal.digest,
        "by": desk.by,
        **more,
    }
    file = opening.proposal_file(desk.settings, proposal.mapping)
    async with desk.hub() as hub:
        confirm = await opening.confirming(desk.settings, hub.store)
        signature = confirm(msgspec.json.encode(facts, order="deterministic"), desk.now())
        signed = {**facts, SIGNATURE: signature} if signature else facts
        await hub.store.mappings.decided(what, signed, desk.now())
    if not signature:
        desk.tell("told.unsigned")
    lay({file: governing.text(proposal).encode()}, replace=True)


def _shown(desk: Desk, ref: str) -> None:
    show.rows(desk, KNOWN, [row for row in known(desk) if row.format.ref == ref], "nothing.mappings")
