"""What opens a dossier at a partner that knows none by itself: fields that only its own catalogues name, beside what the mapping says. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from connectors.rest.settings import Opening, Settings
    from schemas.dossier import Message


def opens(settings: Settings, operation: str) -> Opening | None:
    """How that operation opens a dossier; ``None``: it does not."""
    opening = settings.opening
    return opening if opening and operation == opening.operation else None


def completed(payload: bytes, opening: Opening, message: Message) -> bytes:
    """Add the fixed fields under what the mapping wrote, and those of the dossier's procedure over it. ``payload``: a JSON record."""
    written = msgspec.json.decode(payload, type=dict[str, object])
    return msgspec.json.encode({**opening.fields, **written, **_of_procedure(opening, message)})


def _of_procedure(opening: Opening, message: Message) -> dict[str, str]:
    procedure = message.dossier.procedure if message.dossier else None
    codes = (procedure.national, procedure.local) if procedure else ()
    return next((opening.procedures[code] for code in codes if code in opening.procedures), {})
