"""What a dossier's story needs of a message, decided once where it was accepted first, so that it means the same at every hub. Pure.

No word depends on how one hub calls its partners. Codes, states and times; never personal data.
"""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003 - msgspec reads the annotations at run time
from enum import StrEnum
from typing import TYPE_CHECKING

import msgspec

from hub.story.record import Value
from schemas.dossier import Kind, State  # noqa: TC001
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

FORM = "HUB-DOS-012"


class Effect(StrEnum):
    """How a message is heard."""

    MOVES = "moves"
    NOTED = "noted"  # from who has no more than a copy: its sender's word, which moves nothing and which nobody else need hear
    PROGRESS = "progress"  # moves nothing, and others may hear it
    UNFIT = "unfit"  # a status about one message that means nothing for the dossier: a person looks at it
    RECORDED = "recorded"  # from who is not believed yet (hub.going_live.stages)


class Words(Value, frozen=True):
    """``speaker``: the agency whose leg is meant; ``receiver``: to whom it hands on; both in the one form of their codes. ``settles_duty``: of
    its sender. ``confirms``: it only confirms a message of the hub's: where it does not fit, it is noted. ``by_origin``: said by who opened the dossier.

    ``code``, ``received_by``, ``opened_on``: of the dossier, by which an opening message opens it. ``due``: the due date that it tells;
    ``moves_due``: as a change of it, which counts whoever says it.
    """

    kind: Kind
    speaker: str
    state: State | None = None
    receiver: str | None = None
    settles_duty: bool = False
    effect: Effect = Effect.MOVES
    confirms: bool = False
    by_origin: bool = False
    code: str | None = None
    received_by: str | None = None
    opened_on: date | None = None
    national: str | None = None
    local: str | None = None
    parent: str | None = None
    children: tuple[str, ...] = ()
    due: datetime | None = None
    moves_due: bool = False


def spread(words: Words) -> dict[str, str | bool | int]:
    """Write them as one flat object: what an entry for another hub carries. Codes hold no spaces, so lists are joined by one."""
    told: dict[str, str | bool | int] = msgspec.to_builtins(words)
    return told | ({"children": " ".join(words.children)} if words.children else {})


def gathered(told: Mapping[str, str | bool | int]) -> Words | None:
    """Read what ``spread`` wrote, beside whatever else stands there; ``None`` where nothing was said of them.

    Raises ``Refusal`` HUB-DOS-012.
    """
    if "speaker" not in told:
        return None
    known: dict[str, object] = {
        name: value for name, value in told.items() if name in Words.__struct_fields__
    }
    if "children" in known:
        known["children"] = str(known["children"]).split()
    try:
        return msgspec.convert(known, Words)
    except msgspec.ValidationError as error:
        raise refuse(FORM, "words", rule=str(error).partition(" - at ")[0][:200]) from None
