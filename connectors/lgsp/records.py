"""What the desk itself must know of ``MSyncDocument`` and ``MDocumentTraces``; the rest is the mapping's.

Readers are lenient where published clients and the published schema differ: a flag may be true, ``"true"`` or ``"True"``, a
number may be text, a date that is no date (``0000-00-00…``) says nothing.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from schemas.problems import refuse
from schemas.text import NOT_XML

RECORD, TRACE = "MSyncDocument", "MDocumentTraces"
"""The names under which what the client sent stands in the message."""

LONGEST = 200
"""Characters of a dossier's code: it is asked for in the store before the message is judged."""
DONE, SUCCEEDED = 2, frozenset({"true", "1"})


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Where a dossier stands, as the client tells it. ``open``: neither done, nor handed out, nor closed otherwise."""

    code: str = msgspec.field(name="DocCode")
    received: str | None = msgspec.field(name="DateReceived", default=None)
    success: Any = msgspec.field(name="IsSuccess", default=None)
    success_at: str | None = msgspec.field(name="SuccessDate", default=None)
    returned: Any = msgspec.field(name="IsReturned", default=None)
    returned_at: str | None = msgspec.field(name="ReturnedDate", default=None)
    returned_how: Any = msgspec.field(name="ReturnedType", default=None)
    finished_at: str | None = msgspec.field(name="FinishedDate", default=None)
    status: Any = msgspec.field(name="Status", default=None)
    applicant: Any = msgspec.field(name="ApplicantsId", default=None)
    applicant_kind: Any = msgspec.field(name="ApplicantsType", default=None)

    @property
    def handed_out(self) -> bool:
        return flag(self.returned)

    @property
    def done(self) -> bool:
        return flag(self.success) or text(self.status) == str(DONE) or self.handed_out

    @property
    def closed(self) -> bool:
        """Closed without a result."""
        return bool(date(self.finished_at)) and not self.done


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    code: str = msgspec.field(name="DocCode")


Model = TypeVar("Model", "Record", "Trace")


def read(body: bytes, model: type[Model]) -> Model:
    """Raises ``Refusal`` HUB-SCH-001 for what is no JSON, -002 for what is no such record, -003 without ``DocCode``."""
    try:
        found = msgspec.json.decode(body, type=model)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at `$")
        place = where.rstrip("`").replace(".", "/")
        if "missing required field" in what:
            raise refuse("HUB-SCH-003", f"{place}/DocCode", rule="required") from None
        raise refuse("HUB-SCH-002", place, rule="MSyncDocument, MDocumentTraces") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise refuse("HUB-SCH-001", rule="RFC 8259") from None
    if not found.code:
        raise refuse("HUB-SCH-003", "/DocCode", rule="required")
    if len(found.code) > LONGEST or NOT_XML.search(found.code):
        raise refuse("HUB-SCH-002", "/DocCode", rule=f"length 1 to {LONGEST}")
    return found


def flag(value: object) -> bool:
    return value is True or text(value).lower() in SUCCEEDED


def text(value: object) -> str:
    """A number or a text, as text; anything else says nothing."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return ""
    return str(value).strip()


def date(value: str | None) -> str:
    """A date as it is written; what the client writes where it has none is none."""
    said = (value or "").strip()
    return "" if said.startswith(("0000", "0001", "1970-01-01")) else said
