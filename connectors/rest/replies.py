"""The generic REST partner's table, and how its reply is read. Partner files put their own rows before these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.replies import ABSENT, Reply, Row, Table, at, looks_like_html, normal_code, read_json, text_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connectors.rest.settings import Find, ReplyPlaces

TAKEN = (200, 201, 202)

BY_CODE: Table = (
    Row(status=TAKEN, code=("0",), outcome="delivered"),
    Row(status=(400, 413, 415, 422), readable=True, outcome="refused"),
)
"""The body says it: 0 is success."""

BY_STATUS: Table = (
    Row(status=TAKEN, readable=True, outcome="delivered"),
    Row(status=(400, 413, 415, 422), readable=True, outcome="refused"),
)
"""The status says it; the body must still be this partner's JSON."""


def room_rows(places: ReplyPlaces) -> Table:
    return BY_CODE if places.code else BY_STATUS


def absent_rows(status: tuple[int, ...], code: tuple[str, ...] = ()) -> Table:
    """Rows for an answer to a question: what proves that the partner does not have it."""
    return (Row(status=status, code=code, readable=True, outcome="deferred", reason=ABSENT),)


def read(places: ReplyPlaces, status: int, media_type: str, body: bytes, wait: float | None) -> Reply:
    """Readable: a JSON object that holds the code (or, of a success, the reference) where the partner's file says.

    A refusal needs no code to be readable: many partners answer 4xx with a problem document of their own.
    """
    html = looks_like_html(body, media_type)
    document = None if html else read_json(body)
    code = normal_code(at(document, places.code)) if places.code else ""
    expected = True
    if status in TAKEN:
        expected = (
            bool(code) if places.code else not places.reference or text_at(document, places.reference) != ""
        )
    return Reply(
        status=status,
        readable=isinstance(document, dict) and expected,
        html=html,
        code=code,
        phrase=text_at(document, places.message) if isinstance(document, dict) else _words(body, html=html),
        wait=wait,
    )


def _words(body: bytes, *, html: bool) -> str:
    """Plain text, for rows of a partner's file that name a phrase."""
    return "" if html else body[:4000].decode("utf-8", "ignore")


def is_about(find: Find, body: bytes, key: str) -> bool:
    """False when the reply repeats a key and it is another one: an answer about something else proves nothing."""
    return not find.key or text_at(read_json(body), find.key) == key


def names(places: Iterable[str], body: bytes, code: str) -> bool:
    """Whether one of these places of the answer holds that code."""
    document = read_json(body)
    return any(text_at(document, place) == code for place in places)


def names_another(find: Find | None, body: bytes, key: str) -> bool:
    """Whether a signed reply says that it is about another parcel: an old one, caught and sent again, proves nothing."""
    said = text_at(read_json(body), find.key) if find and find.key else ""
    return bool(said) and said != key


def reference(places: ReplyPlaces, body: bytes) -> str:
    return text_at(read_json(body), places.reference) if places.reference else ""
