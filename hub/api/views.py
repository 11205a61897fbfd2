"""What a sender may see of its own messages, transfers and dossiers: codes, states and times, never payloads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from hub.store.contract.views import DossierView, MessageView, TransferView

_TRANSFER = ["id", "message", "partner", "operation", "part", "key", "kind", "code", "state", "blocked", "problem", "attempts", "sends", "accepted_at", "wake_at", "settled_at", "deadline", "reference", "stage"]  # fmt: skip


def transfer(view: TransferView) -> dict[str, Any]:
    return {name: getattr(view, name) for name in _TRANSFER}


def message(view: MessageView) -> dict[str, Any]:
    return {
        "id": view.id,
        "kind": view.kind,
        "key": view.key,
        "digest": view.digest,
        "dossier": view.dossier,
        "accepted_at": view.accepted_at,
        "transfers": list(view.transfers),
        "receipt": msgspec.Raw(view.receipt),
        "confirmation": view.confirmation,
    }


def dossier(view: DossierView, sender: str) -> dict[str, Any]:
    """The sender's own part of a dossier: its messages, and the transfers that came of them."""
    own = [each for each in view.messages if each.sender == sender]
    ids = {each.id for each in own}
    return {
        "id": view.id,
        "aliases": [{"authority": alias.authority, "code": alias.code} for alias in view.aliases],
        "messages": [message(each) for each in own],
        "transfers": [transfer(each) for each in view.transfers if each.message in ids],
    }


def is_involved(view: DossierView, sender: str) -> bool:
    return view.origin == sender or any(each.sender == sender for each in view.messages)
