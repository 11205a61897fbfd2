"""Where a message stands in its dossier among those of all hubs, what it means there, and the story after it. Pure.

What is accepted here first gets this hub's next number; what another hub relays keeps its own, and its words mean what they meant there.
Only what this hub did not know of makes it tell the dossier's story anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hub.intake import trusting
from hub.store.contract.intake import Numbered
from hub.story import merging, record, tellings
from hub.story.advance import resolve, said
from hub.story.hearing import anew, count, follows, prefix_of
from hub.story.moving import Advanced, Noted, Quarantined, opens
from hub.story.tellings import Stamp, Telling, stamped
from hub.story.words import Effect, Words, gathered
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import date

    from connectors.contract import Relayed
    from hub.judging.contract import Judged
    from hub.store.contract.intake import Known
    from hub.story.advance import Sender
    from hub.story.merging import Aside
    from hub.story.record import Story
    from schemas.dossier import Message

APART = "apart"
"""Among a relayed message's words: it has no number at its first hub (the hub's own, or from before there were numbers), so it gets none here."""


class Placed(NamedTuple):
    """``words``: ``None`` for a message without a dossier. ``stamp``: ``None`` for one without a number, or that is known under it already.
    ``aside``: every message of the dossier that does not count, when its story was told anew.
    """

    judged: Advanced | Noted | Quarantined
    words: Words | None = None
    stamp: Stamp | None = None
    aside: tuple[Aside, ...] | None = None


def before_of(known: Known | None) -> Story | None:
    """Return the story so far. One of which nothing is numbered yet is what all numbered messages come after."""
    if known is None:
        return None
    story = record.from_json(known.story)
    return story if story.heard else prefix_of(story)


def needs_past(judged: Judged, known: Known | None) -> bool:
    """Whether the story may have to be told anew, so that all that is numbered must be known."""
    if judged.relayed is None or known is None or APART in judged.relayed.words:
        return False
    return not _stamp(judged.relayed).follows_all(record.from_json(known.story).heard)


def placed(  # noqa: PLR0913 - one parameter for each thing that it depends on
    before: Story | None,
    message: Message,
    judged: Judged,
    known: Known | None,
    sender: Sender,
    *,
    hub: str,
    on: date,
    forms: Mapping[str, str],
    heirs: Callable[[str], str],
) -> Placed:
    """``hub``: this hub's code; everything else as of ``hub.story.advance.resolve``, which says what is raised. Beside it of what is relayed:

    ``Refusal`` HUB-DOS-012 (words that cannot be read, or that its agency may not say), HUB-DOS-013 (another message has its number),
    HUB-EDG-022 (a stamp of this hub's own).
    """
    told = judged.relayed
    words = gathered(told.words) if told is not None and message.dossier is not None else None
    if told is not None and words is not None and APART not in told.words:
        trusting.words_held(before, message, judged, told, words, sender, forms=forms, heirs=heirs)
        if sender.below:
            trusting.stamp_held(told, before, hub, judged.code)
        return _relayed(before, message, judged, told, words, known)
    words = resolve(before, message, sender, on=on, received_by=judged.received_by, forms=forms, heirs=heirs)
    if words is None:
        return Placed(Advanced(story=None))
    found = said(before, message, words, judged.sender)
    if told is not None:
        return Placed(found, words)
    return Placed(found, words, stamped(before.heard if before else {}, hub))


def _stamp(told: Relayed) -> Stamp:
    return Stamp(hub=told.hub, no=told.no, seen=dict(told.seen))


def _relayed(
    before: Story | None, message: Message, judged: Judged, told: Relayed, words: Words, known: Known | None
) -> Placed:
    stamp = _stamp(told)
    if before is None:
        if not opens(words):
            raise refuse(
                "HUB-DOS-002", "/dossier/code", rule=f"{words.kind} needs a dossier that was received"
            )
        if not judged.may_create:
            raise refuse("HUB-DOS-007", "/dossier/code", rule="receives.edge.serves")
    if follows(before, Telling(stamp=stamp, message="", digest="", agency="", partner="", words=words)):
        blank = msgspec.structs.replace(message, event=msgspec.structs.replace(message.event, sequence=None))
        return Placed(said(before, blank, words, judged.sender), words, stamp)
    if before is None or known is None:  # nothing is known that it could not follow on
        raise TypeError(stamp)
    past = [tellings.from_json(each) for each in known.tellings]
    same = next((each for each in past if each.stamp.place == stamp.place), None)
    if same is not None and same.message != told.id:
        raise refuse("HUB-DOS-013", "stamp", rule=f"{stamp.hub} {stamp.no}", detail=same.message)
    if same is not None:
        return Placed(Noted(story=before), words)
    prefix = prefix_of(record.from_json(known.prefix)) if known.prefix else None
    heard = anew(before, prefix, past, _telling(told, judged, words, stamp))
    return Placed(heard.judged, words, stamp, heard.aside)


def _telling(told: Relayed, judged: Judged, words: Words, stamp: Stamp) -> Telling:
    return Telling(
        stamp=stamp,
        message=told.id,
        digest=told.digest,
        agency=told.agency,
        partner=judged.sender,
        words=words,
    )


def numbered(
    found: Placed, judged: Judged, identity: str, before: Story | None, after: Story, *, believed: bool
) -> tuple[Story, Numbered | None]:
    """Return the story that counts the message among those it heard, and what is kept of it."""
    if found.stamp is None or found.words is None:
        return after, None
    told, words = judged.relayed, found.words
    if told is not None:
        telling = _telling(told, judged, words, found.stamp)
    else:
        telling = Telling(
            stamp=found.stamp,
            message=identity,
            digest=judged.digest,
            agency=words.speaker,
            partner=judged.sender,
            words=words if believed else msgspec.structs.replace(words, effect=Effect.RECORDED),
        )
    aside = _asides(found, telling) if believed else {}
    if found.aside is None:
        after = count(Advanced(story=after), telling).story or after
    return after, Numbered(
        hub=telling.stamp.hub,
        no=telling.stamp.no,
        telling=tellings.to_json(telling),
        aside=aside.get(telling.stamp.place, b""),
        prefix=record.to_json(before) if before is not None and not before.heard else b"",
        others=None if found.aside is None else aside,
    )


def _asides(found: Placed, telling: Telling) -> dict[tuple[str, int], bytes]:
    if found.aside is not None:
        return {(each.hub, each.no): merging.to_json(each) for each in found.aside}
    if not isinstance(found.judged, Quarantined):
        return {}
    problem = found.judged.problem
    own = merging.Aside(
        hub=telling.stamp.hub,
        no=telling.stamp.no,
        message=telling.message,
        fate=merging.Fate.SET_ASIDE,
        code=problem.code,
        says=problem.rule,
    )
    return {telling.stamp.place: merging.to_json(own)}
