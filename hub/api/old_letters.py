"""Clients of JSON desks whose letters are from before Unicode (``schemas.legacy_text``): a desk reads what stands in for their bytes,
and what it makes of it goes on to intake in the bytes that came, to be verified, kept and read there as everybody's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from schemas.legacy_text import as_came, name_as_utf8, stand_in

if TYPE_CHECKING:
    from connectors.desks import Message, Say, Standing
    from schemas.legacy_text import Text


def are_old(raw: bytes, text: Text) -> bool:
    """Whether JSON came in such letters. XML says itself how it is written."""
    return text.in_bytes and _is_json(raw)


def anybodys(raw: bytes) -> bytes:
    """Return what a desk can look for a key in, while nobody knows whose letters these are."""
    try:
        raw.decode()
    except UnicodeDecodeError:
        return stand_in(raw) if _is_json(raw) else raw
    return raw


def restored(say: Say, text: Text) -> Say:
    """Raises ``Refusal`` HUB-SCH-008 for a file's name with a byte that the code page does not have."""

    def messages(standing: Standing) -> tuple[Message, ...]:
        return tuple(replace(each, body=as_came(each.body, own=each.own)) for each in say.messages(standing))

    named = tuple(replace(each, name=name_as_utf8(each.name, text)) for each in say.encloses)
    return replace(say, messages=messages, encloses=named)


def _is_json(raw: bytes) -> bool:
    return raw.lstrip()[:1] in {b"{", b"["}
