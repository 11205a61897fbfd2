"""What lies on a simulated document axis: what others lodged for the unit that calls, what the unit sent, and how far each has come.

The axis numbers each sending: the same document again is one more. What lies there for the unit is listed until the unit says ``done`` or ``fail``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from msgspec.structs import replace

from connectors.simulators.axis_answers import status
from connectors.simulators.axis_papers import EDOC, STATUS, Paper, Unread, read
from connectors.simulators.desk import Value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from connectors.simulators.desk import Entry, Journal

SEND, SEND_STATUS, LODGED, MARK = "sendEdoc", "sendStatus", "lodged", "updateStatus"
REGISTER, LEAVE = "registerAgency", "deleteAgency"
INITIAL, PROCESSING, DONE, FAIL = "INITIAL", "PROCESSING", "DONE", "FAIL"
STATES = (INITIAL, PROCESSING, DONE, FAIL)


class Letter(Value, frozen=True):
    """One document on the axis. ``number``: the axis's own; ``at``: when it came, ``changed``: when its state did."""

    number: str
    paper: Paper
    body: bytes
    at: datetime
    changed: datetime
    state: str = INITIAL


class Agency(Value, frozen=True):
    code: str
    name: str
    parent: str = ""


class Box:
    """``unit``: the code of the unit that calls. ``journal``: the truth. ``answers``: the status codes that addressees say of what they get."""

    def __init__(self, journal: Journal, unit: str, answers: Sequence[str] = ()) -> None:
        self.journal, self.unit, self._answers = journal, unit, answers
        self.came: dict[str, Letter] = {}
        self.sent: dict[str, Letter] = {}
        self.agencies: dict[str, Agency] = {unit: Agency(code=unit, name=unit)}
        for entry in journal.entries:
            self._again(entry)

    def lodge(self, sender: str, body: bytes, kind: str = "", to: str = "", name: str = "") -> str:
        """Let somebody send ``body``, whatever it looks like, to the unit, or the unit's own people to ``to``. ``name``: its number.

        ``sender``, ``kind`` and ``to`` count more than what it says itself. Whatever lay under ``name`` is replaced.
        """
        paper = _looked_at(body, sender, kind)
        if to:
            paper = paper._replace(to=(to,))
        number = name or self._next()
        own = sender == self.unit
        operation = (SEND_STATUS if paper.kind == STATUS else SEND) if own else LODGED
        self._keep(operation, number, paper, body)
        return number

    def send(self, paper: Paper, body: bytes) -> str:
        number = self._next()
        entry = self._keep(SEND_STATUS if paper.kind == STATUS else SEND, number, paper, body)
        for addressee in paper.to if paper.kind == EDOC else ():
            for code in self._answers:
                self.lodge(addressee, status(paper, addressee, code, entry.at), STATUS)
        return number

    def _next(self) -> str:
        return f"VXP-{len(self.came) + len(self.sent) + 1:06d}"

    def _keep(self, operation: str, number: str, paper: Paper, body: bytes) -> Entry:
        told = " ".join((paper.sender, paper.kind, *paper.to))
        key = told if operation == LODGED else paper.document_id or paper.answers
        dossier = self._dossier(paper)
        entry = self.journal.record(operation, body, key=key, dossier=dossier, reference=number)
        letter = Letter(number=number, paper=paper, body=body, at=entry.at, changed=entry.at)
        (self.came if operation == LODGED else self.sent)[number] = letter
        return entry

    def waiting(self, kind: str) -> Iterator[Letter]:
        """What lies there for the unit and was not acknowledged yet, the oldest first."""
        return (
            one for one in self.came.values() if one.paper.kind == kind and one.state in {INITIAL, PROCESSING}
        )

    def letter(self, number: str) -> Letter | None:
        """What came or was sent, as often as it is asked for. Looking at it changes nothing: the unit says how far it is."""
        return self.came.get(number) or self.sent.get(number)

    def mark(self, number: str, state: str) -> bool:
        """Write down what the unit says became of a document; false: there is none of that number for it."""
        letter = self.came.get(number)
        if letter is None:
            return False
        if letter.state != state:
            dossier = self._dossier(letter.paper)
            entry = self.journal.record(MARK, state.encode(), key=f"{number} {state}", dossier=dossier)
            self.came[number] = replace(letter, state=state, changed=entry.at)
        return True

    def register(self, agency: Agency) -> None:
        self.journal.record(REGISTER, msgspec.json.encode(agency), key=agency.code)
        self.agencies[agency.code] = agency

    def leave(self, code: str) -> bool:
        if code not in self.agencies:
            return False
        self.journal.record(LEAVE, code.encode(), key=code)
        del self.agencies[code]
        return True

    def _dossier(self, paper: Paper) -> str:
        """Of a status: that of the document that it is about."""
        if paper.dossier or not paper.answers:
            return paper.dossier
        known = (one.paper for one in (*self.sent.values(), *self.came.values()))
        return next((one.dossier for one in known if one.document_id == paper.answers), "")

    def _again(self, entry: Entry) -> None:
        body = entry.body.encode()
        if entry.operation == MARK:
            number, state = entry.key.split(" ")
            self.came[number] = replace(self.came[number], state=state, changed=entry.at)
        elif entry.operation in {LODGED, SEND, SEND_STATUS}:
            paper = _looked_at(body, "", "")
            if entry.operation == LODGED:
                sender, kind, *to = entry.key.split(" ")
                paper = paper._replace(sender=sender, kind=kind, to=tuple(to))
            letter = Letter(number=entry.reference, paper=paper, body=body, at=entry.at, changed=entry.at)
            (self.came if entry.operation == LODGED else self.sent)[entry.reference] = letter
        elif entry.operation == REGISTER:
            self.agencies[entry.key] = msgspec.json.decode(body, type=Agency)
        elif entry.operation == LEAVE:
            self.agencies.pop(entry.key, None)


def _looked_at(body: bytes, sender: str, kind: str) -> Paper:
    """Read it as far as that goes."""
    try:
        paper = read(body)
    except Unread:
        return Paper(kind or EDOC, "", sender, ())
    return paper._replace(sender=sender or paper.sender, kind=kind or paper.kind)
