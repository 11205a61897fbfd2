"""What another hub may say of a dossier: no more than the agency for which it speaks could say here itself. Pure.

A hub below is believed for its agencies only, so its words, its stamp and its part in the dossier are held to what is known here. The hub
above knows of agencies and dossiers that nobody here has heard of: only the form of its words, and whose leg they are about, is asked.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from hub.story.advance import has_part
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from connectors.contract import Relayed
    from hub.judging.contract import Judged
    from hub.story.advance import Sender
    from hub.story.record import Story
    from hub.story.words import Words
    from schemas.dossier import Message

UNTRUE, NO_PART, NOT_ITS_CODE, NOT_SERVED = "HUB-DOS-012", "HUB-DOS-003", "HUB-DOS-007", "HUB-EDG-022"
NEAR = timedelta(days=1)
"""By how much the day of a message may differ between two clocks."""


def stamp_held(told: Relayed, story: Story | None, us: str, code: str | None) -> None:
    """A hub below neither numbers in this hub's name nor has seen more of it than it said. ``us``: this hub's code; ``code``: by which the
    message names the dossier. Where that is not the code of the story, a person made one dossier here of two that are still two there, each
    with numbers of its own.

    Raises ``Refusal`` HUB-EDG-022, HUB-DOS-012.
    """
    if told.hub == us:
        raise refuse(NOT_SERVED, "stamp/hub", rule="a code of its own")
    if story is not None and story.code not in {None, code}:
        return
    said = story.heard.get(us, 0) if story is not None else 0
    if told.seen.get(us, 0) > said:
        raise refuse(UNTRUE, "stamp/seen", rule=f"{us} ≤ {said}")


def words_held(  # noqa: PLR0913 - one parameter for each thing that it depends on
    story: Story | None,
    message: Message,
    judged: Judged,
    told: Relayed,
    words: Words,
    sender: Sender,
    *,
    forms: Mapping[str, str],
    heirs: Callable[[str], str],
) -> None:
    """Hold relayed words to what their agency can say: of another agency's leg only who opened the dossier speaks, so only the hub from which
    the dossier came here. ``sender``, ``forms``, ``heirs``: as of ``hub.story.advance.resolve``.

    Raises ``Refusal`` HUB-DOS-012; of a hub below HUB-DOS-003, -007.
    """
    if words.kind is not message.kind:
        raise refuse(UNTRUE, "words/kind", rule=message.kind)
    agency = forms.get(told.agency, told.agency)
    from_here_on = not sender.below if story is None else story.origin == judged.sender
    if agency not in {words.speaker, heirs(words.speaker)} and not (words.by_origin and from_here_on):
        raise refuse(UNTRUE, "words/speaker", rule=told.agency)
    if not sender.below:
        return
    if story is None or words.received_by is not None or words.opened_on is not None:
        _opens(message, judged, told, words, forms)
    if story is None:
        return
    if not has_part(story, sender, agency, heirs):
        raise refuse(NO_PART, "/dossier/code", rule="origin, leg or recipient of the dossier")
    if words.by_origin and not _opened(story, judged, agency, heirs):
        raise refuse(UNTRUE, "words/by_origin", rule="said by who opened the dossier")


def _opens(message: Message, judged: Judged, told: Relayed, words: Words, forms: Mapping[str, str]) -> None:
    """The words by which a dossier is opened say of it what its code and its day of acceptance say."""
    if not judged.may_create:
        raise refuse(NOT_ITS_CODE, "/dossier/code", rule="receives.edge.serves")
    if message.dossier is None or words.code != message.dossier.code:
        raise refuse(UNTRUE, "words/code", rule="the dossier's code")
    of_code = forms.get(judged.received_by or "", judged.received_by)
    received_by = words.received_by or words.speaker
    if forms.get(received_by, received_by) != of_code:
        raise refuse(UNTRUE, "words/received_by", rule=judged.received_by or "")
    accepted = told.accepted_at.date()
    if words.opened_on is not None and abs(words.opened_on - accepted) > NEAR:
        raise refuse(UNTRUE, "words/opened_on", rule=accepted.isoformat())


def _opened(story: Story, judged: Judged, agency: str, heirs: Callable[[str], str]) -> bool:
    """Whether it opened the dossier, took over who did, or may have opened it at the same time: its code is one of the hub's agencies'."""
    took_over = story.origin_agency != agency and heirs(story.origin_agency) == agency
    return story.origin == judged.sender or took_over or judged.may_create
