"""Can it be said elsewhere: one trial encoding per format, so that what cannot be said is known before it is accepted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING

from hub.judging.contract import Recipient, Said
from hub.story.filling import Earlier, fill, lacks
from schemas.problems import Problem, Refusal

if TYPE_CHECKING:
    from schemas.dossier import Message


def trials(
    message: Message,
    id: str,  # noqa: A002 - the message's
    recipients: Sequence[Recipient],
    earlier: Sequence[Earlier] = (),
) -> dict[str, tuple[Said, ...]]:
    """Encode once per format for everyone who might have to have it, so that what cannot be said is known before it is accepted.

    ``earlier``: where something is missing, it is tried again with what the dossier said before.
    """
    whole = fill(message, earlier).message if earlier else message
    made: dict[str, tuple[Said, ...]] = {}
    found: dict[str, tuple[Said, ...]] = {}
    for recipient in recipients:
        if message.kind in recipient.kinds and recipient.partner != message.sender:
            says = recipient.says or f"partner {recipient.partner}"
            if says not in made:
                made[says] = tuple(trial(message, id, recipient))
                if earlier and any(lacks(each.problem) for each in made[says]):
                    made[says] = tuple(trial(whole, id, recipient))
            found[recipient.partner] = made[says]
    return found


def trial(message: Message, id: str, recipient: Recipient) -> Iterator[Said]:  # noqa: A002 - the message's
    try:
        operations = recipient.codec.operations(message)
    except Refusal as refusal:
        yield Said(operation="none", problem=refusal.problems[0])
        return
    for part, operation in enumerate(operations, 1):
        yield Said(operation=operation, problem=_unsaid(message, id, recipient, operation, part))


def _unsaid(message: Message, id: str, recipient: Recipient, operation: str, part: int) -> Problem | None:  # noqa: A002 - the message's
    try:
        recipient.codec.encode(operation, message, transfer_key(id, recipient.partner, part))
    except Refusal as refusal:
        return refusal.problems[0]
    return None


def transfer_key(message: str, partner: str, part: int) -> str:
    """The partner's idempotency key for one transfer, for ever."""
    return f"{message}:{partner}:{part}"
