"""What a partner's reply means: one table, read from the top, the first row that fits decides.

The partner file's rows stand first, then the room's own, then the rows every room shares. A row says *when* (all that
it names must fit) and *what* (an outcome). Pure: no network, no clock, no partner's name.

Promises:

* What no row knows is ``unsure``, never success. A page of HTML is never success.
* ``delivered`` needs a 2xx status unless the row names the status, and a reply that this room could read unless the row
  names a phrase or says ``readable = false``.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Annotated, Any, Literal, Self

import msgspec
from pydantic import BaseModel, ConfigDict, Field, model_validator

from connectors.contract import Deferred, Delivered, Exchange, Outcome, Reason, Refused, Unsure
from schemas.problems import refuse

Action = Literal["delivered", "refused", "deferred", "unsure", "switch_to_update", "log_in_again"]
OUTCOMES: frozenset[str] = frozenset({"delivered", "refused", "deferred", "unsure"})

SHORTEST_WAIT, LONGEST_WAIT = 1.0, 86_400.0
LONGEST_DETAIL = 500

REASONS: dict[str, str] = {
    "refused": "HUB-PAR-001",
    "deferred": "HUB-PAR-003",
    "unsure": "HUB-PAR-006",
    "switch_to_update": "HUB-PAR-007",
    "log_in_again": "HUB-PAR-005",
}


class Row(BaseModel):
    """One line of the table; the shape of ``[[receives.replies]]`` in a partner's file. Empty: not looked at.

    ``code``: the partner's codes in the body, compared after ``normal_code``. ``phrase``: part of its message, NFC,
    upper and lower case alike. ``fault``: local part of a SOAP fault code. ``retry_after``: the reply names a wait.
    ``wait``: seconds to wait when the reply names none. ``counts``: false when it uses up no attempt (maintenance).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    outcome: Action
    reason: Annotated[str, Field(pattern=r"^(HUB-[A-Z]{3}-\d{3})?$")] = ""
    status: tuple[Annotated[int, Field(ge=100, le=599)], ...] = ()
    code: tuple[str, ...] = ()
    phrase: str = ""
    fault: str = ""
    readable: bool | None = None
    retry_after: bool | None = None
    wait: Annotated[float, Field(gt=0, le=LONGEST_WAIT)] | None = None
    counts: bool = True

    @model_validator(mode="after")
    def _looks_at_something(self) -> Self:
        named = (self.status, self.code, self.phrase, self.fault)
        if not any(named) and self.outcome not in {"unsure", "deferred"}:
            raise ValueError("a row that names nothing would decide every reply")
        return self

    @property
    def why(self) -> str:
        return self.reason or REASONS.get(self.outcome, "")


Table = tuple[Row, ...]

ABSENT = "HUB-PAR-010"
"""The reason of a row that proves absence: the partner was asked and does not have it."""

SHARED: Table = (
    Row(status=(429,), outcome="deferred", reason="HUB-PAR-008"),
    Row(status=(503,), retry_after=True, outcome="deferred", reason="HUB-PAR-003"),
    Row(status=(401, 403), outcome="deferred", reason="HUB-PAR-005"),
    Row(status=tuple(range(500, 600)), outcome="unsure", reason="HUB-PAR-003"),
    Row(readable=False, outcome="unsure", reason="HUB-PAR-002"),
    Row(outcome="unsure", reason="HUB-PAR-006"),
)
"""The last rows of every table. A bare 503 stays unsure: a gateway says it too when its back end died while working."""


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Common shape: frozen, named fields."""


class Reply(Value, frozen=True):
    """What a room read out of an answer. ``readable``: it had the shape that this room expects. ``wait``: seconds the
    partner asked for.
    """

    status: int
    readable: bool = False
    html: bool = False
    code: str = ""
    phrase: str = ""
    fault: str = ""
    wait: float | None = None


class Verdict(Value, frozen=True):
    """``detail``: status and the partner's own code or fault; never its prose."""

    action: Action
    code: str
    detail: str
    wait: float | None = None
    counts: bool = True

    @property
    def reason(self) -> Reason:
        return Reason(code=self.code, detail=self.detail)

    def told(self) -> Verdict:
        """Read it as the answer to a question: only ``ABSENT`` proves that the partner does not have the parcel.

        To be busy, to lock us out or to dislike the question says nothing about the parcel.
        """
        proves = self.action == "delivered" or (self.action == "deferred" and self.code == ABSENT)
        proves = proves or (self.action == "refused" and self.detail.startswith("2"))
        return self if proves else msgspec.structs.replace(self, action="unsure")

    def outcome(
        self, exchanges: tuple[Exchange, ...], *, reference: str = "", facts: Mapping[str, str] | None = None
    ) -> Outcome:
        """Say it in the contract's words. The two actions of a dialogue that were not followed mean what they prove:
        not logged in is "not taken", already there is "may have it".
        """
        match self.action:
            case "delivered":
                return Delivered(reference=reference, facts=facts or {}, exchanges=exchanges)
            case "refused":
                return Refused(reason=self.reason, exchanges=exchanges)
            case "deferred" | "log_in_again":
                return Deferred(reason=self.reason, wait=self.wait, counts=self.counts, exchanges=exchanges)
            case _:
                return Unsure(reason=self.reason, exchanges=exchanges)


def classify(reply: Reply, *tables: Iterable[Row]) -> Verdict:
    """Return what the first fitting row says; ``tables`` in order, ``SHARED`` behind them."""
    row = next(row for table in (*tables, SHARED) for row in table if fits(row, reply))
    wait = reply.wait if reply.wait is not None else row.wait
    detail = " ".join(part for part in (str(reply.status), reply.fault or reply.code) if part)
    return Verdict(
        action=row.outcome,
        code=row.why,
        detail=detail[:LONGEST_DETAIL],
        wait=None if wait is None else clamp(wait),
        counts=row.counts,
    )


def fits(row: Row, reply: Reply) -> bool:
    """All that the row names, and the two rules that guard success."""
    return _named(row, reply) and (
        row.outcome not in {"delivered", "switch_to_update"} or _may_be_success(row, reply)
    )


def _named(row: Row, reply: Reply) -> bool:
    return (
        (not row.status or reply.status in row.status)
        and (not row.code or (reply.code != "" and reply.code in map(normal_code, row.code)))
        and (not row.phrase or plain(row.phrase) in plain(reply.phrase))
        and (not row.fault or row.fault.casefold() == reply.fault.casefold())
        and (row.readable is None or row.readable == reply.readable)
        and (row.retry_after is None or row.retry_after == (reply.wait is not None))
    )


def _may_be_success(row: Row, reply: Reply) -> bool:
    in_2xx = reply.status // 100 == 2  # noqa: PLR2004 - the class of success, RFC 9110 §15.3
    return (
        not reply.html
        and (in_2xx or reply.status in row.status)
        and (reply.readable or row.readable is False or row.phrase != "")
    )


def known_actions(rows: Iterable[Row], allowed: frozenset[str] = OUTCOMES) -> Table:
    """Return the partner's rows; raises ``Refusal`` HUB-CFG-001 for an action that this room has no use for."""
    table = tuple(rows)
    for number, row in enumerate(table):
        if row.outcome not in allowed:
            raise refuse(
                "HUB-CFG-001", f"receives.replies[{number}].outcome", rule=" | ".join(sorted(allowed))
            )
    return table


# --- reading the parts of a reply -------------------------------------------------------------------------------


def normal_code(value: object) -> str:
    """``0``, ``"0"`` and ``"00"`` are one code; nothing, and what is no code, is the empty text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, int | str):
        return ""
    text = str(value).strip()
    return "0" if text and text.lstrip("0") == "" else text


def plain(text: str) -> str:
    """NFC, one kind of blank, no difference of case: how phrases are compared."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def clamp(wait: float) -> float:
    return min(max(wait, SHORTEST_WAIT), LONGEST_WAIT)


def wait_of(header: str, now: datetime) -> float | None:
    """``Retry-After`` as seconds from ``now`` (RFC 9110 §10.2.3: seconds or a date); ``None`` when it says nothing usable."""
    text = header.strip()
    if text.isascii() and text.isdigit():
        return clamp(float(text[:9]))
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return clamp((until.replace(tzinfo=until.tzinfo or UTC) - now).total_seconds())


def looks_like_html(body: bytes, media_type: str) -> bool:
    """A page, by its first bytes or by what it says it is when it is not JSON or XML data."""
    start = body.removeprefix(b"\xef\xbb\xbf").lstrip()[:15].lower()
    return start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")) or (
        media_type == "text/html" and not start.startswith((b"{", b"["))
    )


class _Twice(ValueError):  # noqa: N818 - says what it is
    """An object names a member twice: nobody can say which one counts (RFC 8259 §4)."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Twice
    return found


def _no_constant(name: str) -> None:
    raise ValueError(name)


def read_json(body: bytes) -> Any:  # noqa: ANN401 - a partner's JSON may be anything
    """Return the document, or ``None`` when it is not JSON in UTF-8, is nested too deep or names a member twice.

    Half of a surrogate pair is no text: no store could write it down, nor what happened with it.
    """
    try:
        text = body.removeprefix(b"\xef\xbb\xbf").decode("utf-8")
        document = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant)
        if "\\u" in text:
            json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    return document


def at(document: object, pointer: str) -> object:
    """Follow a JSON pointer (RFC 6901); ``None`` when nothing is there."""
    for step in pointer.split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document.get(key)
        elif isinstance(document, list) and key.isdigit() and len(key) < 7 and int(key) < len(document):  # noqa: PLR2004 - an index of at most six digits
            document = document[int(key)]
        else:
            return None
    return document


def text_at(document: object, pointer: str) -> str:
    """Return the text or number at ``pointer`` as text, cut to what may be kept; empty when there is none."""
    value = at(document, pointer) if pointer else None
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    return str(value)[:LONGEST_DETAIL]
