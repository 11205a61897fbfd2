"""What a one-stop publishes at the portal about no dossier: questions, answers, ratings, states of notices. Each a record as it came. Pure.

The published client sends all questions that it did not send yet, and every answer that it ever published, each day; a record has an id in
its own system and no date of its own. So what was said already is left out of a call, whatever else is in it, and a record that came back to
what it was after it was another is said anew. Which fields a record has is known of questions and answers only
(docs/explanation/national-portal.md 15): nothing is asked of a record but that it is one.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from connectors.desks import Message, Say
from connectors.mapi.records import listed, text
from connectors.repeats import digest
from schemas.moments import VIETNAM
from schemas.problems import refuse
from schemas.text import NOT_XML

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from connectors.desks import Standing

PUBLISHED: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "DongBoHoiDap": ("questions", ("HOIDAPID",)),
    "DongBoKetQuaHoiDapGuiTuDVCQG": ("answers", ("HOIDAPID", "NGUOITRALOI", "NGAYTRALOI")),
    "DongBoDanhGia": ("ratings", ()),
    "DongBoTrangThaiHoSo": ("notices", ("MaHoSoDonVi", "MaHoSo")),
}
"""What is published by which service, and which of its fields say which record it is; none: only the whole record does."""
ENVELOPE = frozenset({"session", "madonvi", "service", "data", "isUpdating"})
MOST = 1_000
"""Records of one call that were not said before."""
LONGEST = 200_000
"""Characters of one record, as of ``schemas.dossier.Verbatim``."""
NAME = 100
"""Characters of a record's id."""


class Entry(NamedTuple):
    """One record. ``parameters``: what stood beside all of them in the call. ``own``: which one it is, of all of this service; ``mark``: what it says."""

    content: str
    parameters: str
    fields: dict[str, Any]
    own: str
    mark: str


def published(service: str, call: bytes, came: datetime) -> Say | None:
    """Read a call; ``None``: its timer rang with nothing to say. ``came``: now, by the hub's clock. Raises ``Refusal`` HUB-SCH-001, -002."""
    said = _decoded(call, dict[str, msgspec.Raw], "")
    beside = {name: value for name, value in said.items() if name not in ENVELOPE}
    records = listed(said.get("data", msgspec.Raw(b"[]")))
    if not records and not beside:
        return None
    records, parameters = (
        (records, msgspec.json.encode(beside)) if records else ([msgspec.json.encode(beside)], b"{}")
    )
    what, names = PUBLISHED[service]
    entries = [_entry(body, parameters, names, f"/data/{number}") for number, body in enumerate(records)]
    begins = f"C-{what}-"

    def messages(standing: Standing) -> tuple[Message, ...]:
        new = _fresh(entries, [each.removeprefix(begins) for each in standing.said])
        if len(new) > MOST:
            raise refuse("HUB-LIM-001", "/data", rule=f"at most {MOST} new records")
        return tuple(
            Message(body=_wrapped(service, what, each, came), key=f"{begins}{key}", clocked=True)
            for key, each in new.items()
        )

    return Say(begins=begins, messages=messages)


def _fresh(entries: Sequence[Entry], before: Sequence[str]) -> dict[str, Entry]:
    """What was not said before, by key; of a call that says nothing new its last record, which has its receipt.

    A record counts as said when it is one of the last that were said of what it is: as many as the call itself says of that.
    """
    marks: dict[str, list[str]] = {}
    for said in before:
        own, _, rest = said.partition("-")
        marks.setdefault(own, []).append(rest.partition("-")[2])
    together = Counter(each.own for each in entries)
    found: dict[str, Entry] = {}
    last: dict[str, Entry] = {}
    for each in entries:
        past = marks.get(each.own, [])
        again = each.mark in past[-together[each.own] :]
        key = f"{each.own}-{past.count(each.mark) + (0 if again else 1)}-{each.mark}"
        last = {key: each}
        if not again:
            found |= last
    return found or last


def _entry(body: bytes, parameters: bytes, names: tuple[str, ...], place: str) -> Entry:
    fields = _decoded(body, Any, place)
    if not isinstance(fields, dict) or not fields:
        raise refuse("HUB-SCH-002", place, rule="a record")
    content, beside = body.decode(), _decoded(parameters, dict[str, Any], "")
    if max(len(content), len(parameters)) > LONGEST:
        raise refuse("HUB-SCH-002", place, rule=f"length 1 to {LONGEST}")
    mark = digest(msgspec.json.encode([fields, beside] if beside else fields, order="deterministic"))
    own = [text(fields.get(name)) for name in names]
    which = digest("\n".join(own).encode()) if any(own) else mark
    return Entry(content, parameters.decode() if beside else "", fields, which[:16], mark)


def _decoded(raw: bytes, kind: Any, place: str) -> Any:  # noqa: ANN401 - any JSON value
    """What is passed over unread until it is looked at: a text that is none, a number that nobody can hold, nesting without end."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise refuse("HUB-SCH-001", place, rule="RFC 8259") from None


def _wrapped(service: str, what: str, entry: Entry, came: datetime) -> bytes:
    said = {
        "At": f"{came.astimezone(VIETNAM):%Y%m%d%H%M%S}",
        "Subject": f"{what} {_named(entry)}",
        "Service": service,
        "Agency": _short(entry.fields.get("MADONVI"), 200),
        "AgencyName": _short(entry.fields.get("TENDONVI"), 4_000),
        "NguyenVan": entry.content,
        "ThamSo": entry.parameters,
    }
    return msgspec.json.encode({name: value for name, value in said.items() if value})


def _named(entry: Entry) -> str:
    """How persons find the record: by its id, where it has one that can be shown."""
    for name in ("HOIDAPID", "MaHoSoDonVi", "MaHoSo"):
        if own := _short(entry.fields.get(name), NAME):
            return own
    return entry.own


def _short(value: object, longest: int) -> str:
    found = text(value)
    return "" if len(found) > longest or NOT_XML.search(found) else found
