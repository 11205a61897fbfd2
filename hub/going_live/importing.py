"""Open dossiers of a cut-over, from CSV or JSON lines to what the store takes. Pure: every fault with its line, or all of it.

What is imported is known history: it stands in the story as if the hub had heard it, and nobody is told anything.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

import msgspec

from hub.deadlines.calendar import VIETNAM
from hub.figures import facts
from hub.ids import below, named
from hub.registries import catalogues
from hub.routing.parties import Roster  # noqa: TC001
from hub.store.contract.catalogues import Version  # noqa: TC001
from hub.store.contract.history import Past
from hub.store.contract.intake import Alias
from hub.story import record
from hub.story.moves import CLOSING, overall
from hub.story.record import Story, StoryLeg
from schemas import codes
from schemas.agencies import Agencies  # noqa: TC001
from schemas.codelists import CodeLists  # noqa: TC001
from schemas.dossier import State
from schemas.problems import MAX_PROBLEMS, Problem, Refusal, refuse
from schemas.procedures import Procedures  # noqa: TC001
from schemas.strict_json import parse_json
from schemas.text import NOT_XML

if TYPE_CHECKING:
    from collections.abc import Iterator

FAULT, TAKEN = "HUB-IMP-001", "HUB-IMP-002"
LARGEST = 64 << 20
LONGEST = 200
"""Characters of a code."""
REQUIRED = ("code", "origin", "procedure", "received_on", "state")
COLUMNS = (*REQUIRED, "authority", "received_by", "holder", "due_at", "parties", "aliases", "parent")
"""``origin``: the partner that opened it. ``state``: the hub's word or the portal's number. ``holder``: the agency that has it in
hand, when it was handed on. ``parties``: further partners that may speak of it. ``aliases``: ``authority:code``. Lists are
separated by ``;`` in CSV (quoted where ``;`` parts the columns, too) and are lists in JSON lines.
"""
UNCARRIED = "XML 1.0 section 2.2: no control characters"
_STATES = "portal-states"
_SEPARATOR = re.compile(r"\s*;\s*")


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What rows refer to. ``authorities``: by partner, who issues the codes that it uses."""

    agencies: Agencies
    procedures: Procedures
    lists: CodeLists
    parties: Roster
    authorities: Mapping[str, str]
    versions: Sequence[Version] = ()


class Row(msgspec.Struct, frozen=True):
    """One line of the file, by column; empty ones left out."""

    line: int
    told: Mapping[str, Any]


def read(raw: bytes, name: str) -> tuple[Row, ...]:
    """Read CSV (with a header line) or JSON lines. Raises ``Refusal`` HUB-IMP-001."""
    if len(raw) > LARGEST:
        raise refuse(FAULT, name, rule=f"at most {LARGEST} bytes")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise refuse(FAULT, name, line=line, rule="UTF-8") from None
    found = tuple(_csv(text, name) if name.endswith(".csv") else _lines(text, name))
    if not found:
        raise refuse(FAULT, name, rule="a dossier")
    return found


def _csv(text: str, name: str) -> Iterator[Row]:
    told = io.StringIO(text, newline="")
    reader = csv.DictReader(told, restkey="", strict=True, delimiter=_delimiter(text))
    try:
        heads = reader.fieldnames or ()
        unknown = sorted({each for each in heads if each not in COLUMNS or heads.count(each) > 1})
        missing = [column for column in REQUIRED if column not in (reader.fieldnames or ())]
        if unknown or missing:
            rule = f"columns: {', '.join(COLUMNS)}"
            raise refuse(FAULT, name, line=1, rule=rule, detail=", ".join(missing or unknown))
        for row in reader:
            if "" in row or None in row.values():
                raise refuse(FAULT, name, line=reader.line_num, rule="as many values as columns")
            yield Row(reader.line_num, {key: value.strip() for key, value in row.items() if value.strip()})
    except csv.Error as error:
        raise refuse(FAULT, name, line=reader.line_num, rule="CSV", detail=str(error)) from None


def _delimiter(text: str) -> str:
    """Spreadsheets write semicolons where the decimal sign is a comma, as in Vietnamese; the header tells, for no column's name has either."""
    head = text.partition("\n")[0]
    return ";" if ";" in head and "," not in head else ","


def _lines(text: str, name: str) -> Iterator[Row]:
    for line, told in enumerate(text.split("\n"), 1):
        if not told.strip():
            continue
        try:
            value = parse_json(told.encode())
        except Refusal as refusal:
            raise refuse(FAULT, name, line=line, rule="JSON", detail=refusal.problems[0].rule) from None
        if not isinstance(value, dict):
            raise refuse(FAULT, name, line=line, rule="an object")
        yield Row(line, {key: each for key, each in value.items() if each not in (None, "", [])})


def plan(rows: Sequence[Row], world: World) -> tuple[Past, ...]:
    """Return what to import. Raises ``Refusal`` with the faults of every row: HUB-IMP-001, -002, HUB-DOS-001, -005, -006."""
    found: list[Past] = []
    problems: list[Problem] = []
    taken: set[Alias] = set()
    for row in rows:
        past, faults = _past(row, world)
        problems += faults
        if past is None:
            continue
        if twice := [n for n, alias in enumerate(past.aliases) if alias in taken]:
            problems.append(Problem(code=TAKEN, line=row.line, place=f"aliases/{twice[0]}"))
        taken |= {*past.aliases}
        found.append(past)
    if problems:
        raise Refusal(*problems[:MAX_PROBLEMS])
    return tuple(found)


class _Reader:
    """Reads one row's values and collects what is wrong with them."""

    def __init__(self, row: Row, world: World) -> None:
        self.row, self.world = row, world
        self.faults: list[Problem] = []

    def fault(self, place: str, rule: str, code: str = FAULT) -> None:
        self.faults.append(Problem(code=code, line=self.row.line, place=place, rule=rule))

    def text(self, name: str, *, needed: bool = False) -> str:
        told = self.row.told.get(name, "")
        if not isinstance(told, str) or len(told) > LONGEST:
            self.fault(name, f"a text of at most {LONGEST} characters")
            return ""
        if NOT_XML.search(told):
            self.fault(name, UNCARRIED)
            return ""
        if needed and not told.strip():
            self.fault(name, "required")
        return told.strip()

    def texts(self, name: str) -> list[str]:
        told = self.row.told.get(name, [])
        listed = _SEPARATOR.split(told) if isinstance(told, str) else told
        if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
            self.fault(name, "a list of texts")
            return []
        if any(NOT_XML.search(one) for one in listed):
            self.fault(name, UNCARRIED)
            return []
        return [one.strip() for one in listed if one.strip()]

    def agency(self, name: str, told: str) -> str:
        found = self.world.agencies.known(told) if told else None
        if told and found is None:
            self.fault(name, "registries/agencies", "HUB-DOS-006")
        return found.code if found else ""

    def day(self, name: str) -> date | None:
        told = self.text(name, needed=True)
        try:
            return date.fromisoformat(told) if told else None
        except ValueError:
            self.fault(name, "a day: 2027-01-31")
            return None

    def moment(self, name: str) -> datetime | None:
        told = self.text(name)
        try:
            found = datetime.fromisoformat(told) if told else None
            if found is not None and found.tzinfo is None:
                found = found.replace(tzinfo=VIETNAM)
            return found and found.astimezone(UTC)
        except (ValueError, OverflowError):
            self.fault(name, "a time: 2027-01-31T17:00:00+07:00")
            return None

    def partner(self, name: str, told: str) -> str:
        if told and told not in self.world.parties.by_id:
            self.fault(name, "a declared partner")
            return ""
        return told

    def state(self, on: date) -> State:
        told = self.text("state", needed=True)
        entry = self.world.lists[_STATES].find(told, on)
        word = entry.word if entry else told
        if word not in set(State) or State(word) in CLOSING:
            if told:
                self.fault("state", "a state in which a dossier is open")
            return State.PROCESSING
        return State(word)


def _past(row: Row, world: World) -> tuple[Past | None, list[Problem]]:
    read_ = _Reader(row, world)
    for name in sorted({*row.told} - {*COLUMNS}):
        read_.fault(name, f"columns: {', '.join(COLUMNS)}")
    story = _story(read_)
    aliases = _aliases(read_, story.origin if story else "")
    if story is None or read_.faults:
        return None, read_.faults
    at = datetime.combine(story.opened_on, time(), VIETNAM)
    id_ = below(
        named(at, story.origin, *(f"{each.authority} {each.code}" for each in aliases[:1])), "dossier"
    )
    return Past(
        line=row.line,
        dossier=id_,
        origin=story.origin,
        story=record.to_json(story),
        aliases=aliases,
        fact=facts.to_json(facts.imported(story, aliases[0].code, at.astimezone(UTC))),
    ), []


def _story(read_: _Reader) -> Story | None:
    world, origin = read_.world, read_.partner("origin", read_.text("origin", needed=True))
    opened, due = read_.day("received_on"), read_.moment("due_at")
    written, told = read_.text("code", needed=True), read_.text("received_by")
    if not told and written:
        try:
            told = codes.parse(written, "code").agency
        except Refusal as refusal:
            read_.faults += [msgspec.structs.replace(each, line=read_.row.line) for each in refusal.problems]
    received_by = read_.agency("received_by" if read_.row.told.get("received_by") else "code", told)
    holder = read_.agency("holder", read_.text("holder"))
    parties = [read_.partner("parties", each) for each in read_.texts("parties")]
    parent = read_.text("parent") or None
    on = opened or date.min
    state = read_.state(on)
    procedure = read_.text("procedure", needed=True)
    if not origin or opened is None:
        return None
    authority = world.authorities.get(origin, "")
    entry = world.procedures.by_national(procedure, opened) or world.procedures.by_local(
        procedure, authority, opened, world.agencies
    )
    if procedure and entry is None:
        read_.fault("procedure", "registries/procedures", "HUB-DOS-005")
    its = world.agencies.known(world.parties.by_id[origin].agency)
    own = its.code if its else world.parties.by_id[origin].agency
    legs = _legs(own, holder, state)
    holding = [party.partner_id for party in world.parties.serving.get(holder, ())] if holder else []
    national = entry.national if entry else None
    return Story(
        origin=origin,
        origin_agency=own,
        received_by=received_by,
        opened_on=opened,
        state=overall(legs),
        legs=legs,
        parties=tuple(dict.fromkeys([origin, *holding, *(each for each in parties if each)])),
        national=national,
        local=None if procedure == national else procedure or None,
        deadline=due,
        parent=parent,
        catalogues=catalogues.pinned(world.versions, opened, (national, procedure)),
    )


def _legs(own: str, holder: str, state: State) -> tuple[StoryLeg, ...]:
    if not holder or holder == own:
        return (StoryLeg(agency=own, state=state),)
    return (
        StoryLeg(agency=own, state=State.PROCESSING, passed_to=(holder,)),
        StoryLeg(agency=holder, state=state),
    )


def _aliases(read_: _Reader, origin: str) -> tuple[Alias, ...]:
    authority = read_.text("authority") or read_.world.authorities.get(origin, "")
    if origin and not authority:
        read_.fault("authority", "required: the origin's file names none")
    found = [Alias(authority=authority, code=read_.text("code"))]
    for each in read_.texts("aliases"):
        whose, _, code = each.partition(":")
        if not (whose and code) or len(each) > LONGEST:
            read_.fault("aliases", "authority:code")
        found.append(Alias(authority=whose.strip(), code=code.strip()))
    return tuple(dict.fromkeys(found))
