"""What the axis says to a call: a code inside the JSON, 0 is success. Partner rows stand first, the shared ones behind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from connectors.replies import Reply, Row, Table, looks_like_html, normal_code, read_json, wait_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

ROWS: Table = (Row(code=("0",), outcome="delivered"),)
FAILED = "FAIL"


class Answer(Protocol):
    """What is looked at of an answer (``connectors.transport.Answer``)."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...
    @property
    def arrived_at(self) -> datetime: ...
    @property
    def media_type(self) -> str: ...


class Told(NamedTuple):
    """``document``: the whole JSON, ``None`` when there is none."""

    reply: Reply
    document: Any

    @property
    def good(self) -> bool:
        return self.reply.code == "0" and self.reply.status // 100 == 2  # noqa: PLR2004 - RFC 9110 §15.3

    def text(self, *names: str) -> str:
        """Return the first of these members that holds something, in the answer or in its ``data``."""
        places = [self.document, self.document.get("data") if isinstance(self.document, dict) else None]
        for place in places:
            for name in names:
                value = place.get(name) if isinstance(place, dict) else None
                if isinstance(value, str | int) and not isinstance(value, bool) and str(value):
                    return str(value)[:200]
        return ""


def read(answer: Answer) -> Told:
    """Two spellings are in use: ``ErrorCode`` and ``errorCode``. An answer without either is not one of the axis, and no success whose ``status`` says FAIL."""
    document = read_json(answer.body)
    known = document if isinstance(document, dict) else {}
    code = next((normal_code(known[name]) for name in ("ErrorCode", "errorCode") if name in known), "")
    if code == "0" and str(known.get("status", "")).strip().upper() == FAILED:
        code = FAILED
    phrase = next(
        (known[name] for name in ("ErrorDesc", "errorDesc") if isinstance(known.get(name), str)), ""
    )
    reply = Reply(
        status=answer.status,
        readable=bool(code),
        html=looks_like_html(answer.body, answer.media_type),
        code=code,
        phrase=phrase,
        wait=wait_of(answer.headers.get("retry-after", ""), answer.arrived_at),
    )
    return Told(reply, document)
