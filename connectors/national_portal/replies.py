"""The portal's answers → what to do. The partner's rows come first, then these, then the rows that every room shares.

HTTP says 200 for business errors as well; the code may be a number or a text and 0, "0" or "00" for success; a gateway
answers with HTML, plain text or nothing (docs/explanation/national-portal.md §5). Verified: those codes, 3 and -3, and the phrases *thành
công* and *đã tồn tại*. The phrase for a lapsed session is assumed; partner files say what their portal says.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.replies import (
    Reply,
    Row,
    Table,
    at,
    fits,
    looks_like_html,
    normal_code,
    plain,
    read_json,
    text_at,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from connectors.national_portal.settings import Lookup, Progress

ACTIONS = frozenset({"delivered", "refused", "deferred", "unsure", "switch_to_update", "log_in_again"})

ROWS: Table = (
    Row(code=("0",), outcome="delivered"),
    Row(status=(401, 403), outcome="log_in_again"),
    Row(status=(429,), outcome="deferred", reason="HUB-PAR-008"),
    Row(phrase="phiên làm việc", outcome="log_in_again"),
    Row(phrase="đã tồn tại", outcome="switch_to_update"),
    Row(code=("3", "-3"), outcome="refused"),
)

LOGIN: Table = (
    Row(status=(401, 403), outcome="deferred", reason="HUB-PAR-005"),
    Row(status=(429,), outcome="deferred", reason="HUB-PAR-008"),
    Row(readable=True, outcome="deferred", reason="HUB-PAR-005"),
    Row(readable=False, outcome="deferred", reason="HUB-PAR-002"),
)
"""A login that was not granted. No parcel was in it, so nothing of it is ever in doubt."""

SHORTEST_SESSION = 8


class Heard(msgspec.Struct, frozen=True):
    """A reply in the table's words, and the JSON document it was read from."""

    reply: Reply
    document: Any


def hear(status: int, media_type: str, body: bytes, wait: float | None = None) -> Heard:
    """Readable: a JSON object with an ``error_code``. A JSON text or plain text keeps its words for phrases."""
    html = looks_like_html(body, media_type)
    document = None if html else read_json(body)
    code = normal_code(at(document, "/error_code"))
    if isinstance(document, dict):
        phrase = text_at(document, "/message")
    elif html:
        phrase = ""
    else:
        phrase = document if isinstance(document, str) else body[:4000].decode("utf-8", "ignore")
    reply = Reply(
        status=status,
        readable=isinstance(document, dict) and code != "",
        html=html,
        code=code,
        phrase=phrase,
        wait=wait,
    )
    return Heard(reply, document)


def session_in(heard: Heard) -> str:
    """Return the session of a granted login; empty when it was not granted."""
    session = text_at(heard.document, "/session")
    granted = heard.reply.status // 100 == 2 and heard.reply.code == "0"  # noqa: PLR2004 - RFC 9110 §15.3
    return session if granted and len(session) >= SHORTEST_SESSION else ""


def known(heard: Heard, lookup: Lookup, dossier: str) -> tuple[Mapping[str, Any], ...] | None:
    """What ``TraCuuHoSo`` knows of this dossier: its records, none, or ``None``: the answer does not say.

    An error is never read as *not there* (that makes doubles), unless the partner's file names that very error.
    """
    if any(_is_absent(row.code, row.phrase, heard.reply) for row in lookup.absent):
        return ()
    result = at(heard.document, "/result")
    if not fits(ROWS[0], heard.reply) or not isinstance(result, list):
        return None
    codes = [record.get(lookup.code, dossier) if isinstance(record, dict) else None for record in result]
    if not all(isinstance(code, str) and code for code in codes):
        return None
    return tuple(record for record, code in zip(result, codes, strict=True) if _text(code) == _text(dossier))


def confirms(records: Iterable[Mapping[str, Any]], sealed: Mapping[str, Any], lookup: Lookup) -> bool:
    """Say whether the portal's record shows the sealed values in every field that proves it."""
    ours = [_text(sealed.get(name)) for name in lookup.confirms]
    return any(ours) and any(
        all(name in record for name in lookup.confirms.values())
        and [_text(record[name]) for name in lookup.confirms.values()] == ours
        for record in records
    )


def progress_known(
    records: Iterable[Mapping[str, Any]], sealed: Sequence[Mapping[str, Any]], progress: Progress
) -> bool | None:
    """Say whether all sealed progress records are there, none is, or ``None``: only some, or the list cannot be read.

    A listed record without one of the names proves nothing: a wrong name in the settings must not make doubles.
    """
    lists = [record.get(progress.list) for record in records]
    there: set[tuple[str, ...]] = set()
    for found in lists:
        if not isinstance(found, list) or not all(isinstance(step, dict) for step in found):
            return None
        if not all(name in step for step in found for name in progress.names.values()):
            return None
        there |= {tuple(_text(step[name]) for name in progress.names.values()) for step in found}
    matches = [tuple(_text(step.get(name)) for name in progress.names) in there for step in sealed]
    return True if all(matches) else (None if any(matches) else False)


def _is_absent(codes: tuple[str, ...], phrase: str, reply: Reply) -> bool:
    """A code is always named: the bare absence of a success proves nothing."""
    return (
        reply.readable
        and not reply.html
        and reply.code != "0"
        and reply.code in map(normal_code, codes)
        and plain(phrase) in plain(reply.phrase)
    )


def _text(value: object) -> str:
    """Texts and numbers alike, NFC, one kind of blank."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return " ".join(unicodedata.normalize("NFC", str(value)).split())
