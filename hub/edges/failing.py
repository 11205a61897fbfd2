"""A failure that one hub tells another: named by the id that the message has where it was accepted first."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub.judging.relaying import opened
from schemas.dossier import Kind, Message, from_json, to_json
from schemas.problems import Refusal

if TYPE_CHECKING:
    from hub.store.contract.store import Store


async def as_known_there(store: Store, partner: str, canonical: bytes) -> bytes:
    """Return a *delivery_failed* that names the failed message as the other hub knows it; every other message as it is."""
    message = from_json(canonical)
    if message.kind is not Kind.DELIVERY_FAILED or message.failure is None:
        return canonical
    failed = await store.message(message.failure.message)
    if failed is None or failed.sender != partner:
        return canonical
    failure = msgspec.structs.replace(message.failure, message=failed.key)
    return to_json(msgspec.structs.replace(message, failure=failure))


async def whose(store: Store, entry: bytes) -> str:
    """Return the partner whose message an entry says has failed; empty for any other entry, and where it is not ours."""
    try:
        message: Message = opened(entry)[1]
    except Refusal:
        return ""
    if message.kind is not Kind.DELIVERY_FAILED or message.failure is None:
        return ""
    found = await store.message(message.failure.message)
    return found.sender if found else ""
