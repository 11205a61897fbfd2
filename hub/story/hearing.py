"""A stamped message heard at any hub: said on the story where it follows on all that is known, otherwise the story is told anew. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hub.story import tellings
from hub.story.merging import Fate, merge
from hub.story.moving import Advanced, Noted, Quarantined, begin, move
from hub.story.record import Story, more_of
from hub.story.words import Effect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.story.merging import Aside
    from hub.story.tellings import Telling


class Heard(NamedTuple):
    """``aside``: of the whole dossier, told anew; ``None``: nothing before it changed."""

    judged: Advanced | Noted | Quarantined
    aside: tuple[Aside, ...] | None = None


def prefix_of(story: Story) -> Story:
    """Return what a story told before anything of its dossier was stamped: what all that is stamped comes after."""
    promised = story.deadline if story.counted is None else None
    return msgspec.structs.replace(story, due=story.due or promised)


def follows(story: Story | None, telling: Telling) -> bool:
    return story is None or telling.stamp.follows_all(story.heard)


def follow(story: Story | None, telling: Telling) -> Heard:
    """``story``: all that is known, and the telling follows on it."""
    judged = begin(telling.words, telling.partner) if story is None else move(story, telling.words)
    return Heard(count(judged, telling))


def count(judged: Advanced | Noted | Quarantined, telling: Telling) -> Advanced | Noted | Quarantined:
    """Count a telling that follows on all that is known among what the story has heard."""
    if judged.story is None:
        return judged
    return msgspec.structs.replace(judged, story=tellings.counted(judged.story, telling))


def anew(before: Story, prefix: Story | None, known: Sequence[Telling], telling: Telling) -> Heard:
    """``known``: everything that was stamped so far; ``before``: the story of it, with what only this hub keeps."""
    merged = merge(prefix, [*known, telling])
    story = before if merged.story is None else _kept(before, merged.story)
    own = next((each for each in merged.aside if each.message == telling.message), None)
    if own is not None and own.fate is Fate.SET_ASIDE:
        return Heard(Quarantined(story=story, problem=own.problem), merged.aside)
    effect = telling.words.effect
    if effect is not Effect.MOVES:
        return Heard(Noted(story=story, aside=effect is not Effect.PROGRESS), merged.aside)
    return Heard(Advanced(story=story), merged.aside)


def _kept(before: Story, story: Story) -> Story:
    """Keep what this hub knows for itself: its partners, their sequences, stage, catalogues; and the deadline that it counted, unless one was told."""
    told = story.due != before.due
    return msgspec.structs.replace(
        before,
        origin_agency=story.origin_agency,
        received_by=story.received_by,
        state=story.state,
        legs=story.legs,
        parties=more_of(before.parties, story.parties),
        national=story.national,
        local=story.local,
        apologies=story.apologies,
        custody=story.custody,
        parent=story.parent,
        children=story.children,
        heard=story.heard,
        chains=story.chains,
        code=story.code,
        due=story.due,
        deadline=story.due if told else before.deadline,
        counted=None if told else before.counted,
        moved=None if told else before.moved,
    )
