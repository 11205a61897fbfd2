"""Who else may speak about a dossier, and one story of two that turn out to be the same dossier. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub.story.moves import overall
from hub.story.record import Story, more_of
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Iterable


def join(story: Story, partners: Iterable[str]) -> Story:
    """Return the story with these recipients among the partners that may speak about it."""
    return msgspec.structs.replace(story, parties=more_of(story.parties, partners))


def merge(kept: Story, other: Story) -> Story:
    """Return the story of two dossiers that turn out to be one; pure, and never empty-handed. Raises ``Refusal`` HUB-STG-001 where
    one of them is a trial.

    What the kept one knows stands: who opened it, under whose code, from which day's catalogues, its procedure, custody,
    and the leg of every agency that it has. The other one fills in what it does not know: further legs, partners that may
    speak, parent and children. A promised due date goes before one that the hub counted. Of sequences the higher counts,
    so that no late message looks new. The overall state follows from the legs of both.
    """
    if kept.stage != other.stage and "trial" in {kept.stage, other.stage}:
        raise refuse("HUB-STG-001", rule=f"{kept.stage} ≠ {other.stage}")
    dated = next((one for one in (kept, other) if one.deadline and one.counted is None), None)
    dated = dated or next((one for one in (kept, other) if one.deadline), kept)
    known = {leg.agency for leg in kept.legs}
    legs = (*kept.legs, *(leg for leg in other.legs if leg.agency not in known))
    sequences = {
        source: max(kept.sequences.get(source, number), number) for source, number in other.sequences.items()
    }
    return msgspec.structs.replace(
        kept,
        state=overall(legs),
        legs=legs,
        parties=more_of(kept.parties, (*other.parties, other.origin)),
        sequences={**kept.sequences, **sequences},
        national=kept.national or other.national,
        local=kept.local or other.local,
        deadline=dated.deadline,
        due=kept.due or other.due,
        counted=dated.counted,
        asked=kept.asked or other.asked,
        moved=dated.moved,
        apologies=kept.apologies + other.apologies,
        custody=kept.custody or other.custody,
        parent=kept.parent or other.parent,
        children=more_of(kept.children, other.children),
    )
