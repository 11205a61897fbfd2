"""``{code, message, data}`` → what to do. The partner's rows come first, then these, then the rows that every room shares.

Which codes mean success or a refusal no source says: ``success`` of the settings; 400 and 422 for *never as it is* are assumed, as HTTP has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.replies import (
    Reply,
    Row,
    Table,
    at,
    looks_like_html,
    normal_code,
    read_json,
    text_at,
    wait_of,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

ACTIONS = frozenset({"delivered", "refused", "deferred", "unsure", "log_in_again"})


def room_rows(success: tuple[str, ...]) -> Table:
    return (
        Row(code=success, outcome="delivered"),
        Row(status=(401,), outcome="log_in_again"),
        Row(code=("401",), outcome="log_in_again"),
        Row(status=(429,), outcome="deferred", reason="HUB-PAR-008"),
        Row(phrase="đã tồn tại", outcome="unsure", reason="HUB-PAR-007"),
        Row(code=("400", "422"), outcome="refused"),
    )


class Heard(NamedTuple):
    """A reply in the table's words, and the JSON document it was read from."""

    reply: Reply
    document: Any

    def text(self, pointer: str) -> str:
        return text_at(self.document, pointer)


def hear(
    status: int, media_type: str, body: bytes, headers: Mapping[str, str], arrived_at: datetime
) -> Heard:
    """Readable: a JSON object with a ``code``."""
    html = looks_like_html(body, media_type)
    document = None if html else read_json(body)
    code = normal_code(at(document, "/code"))
    reply = Reply(
        status=status,
        readable=isinstance(document, dict) and code != "",
        html=html,
        code=code,
        phrase=text_at(document, "/message"),
        wait=wait_of(headers.get("retry-after", ""), arrived_at),
    )
    return Heard(reply, document)
