"""What every simulated partner is made of: a desk that answers calls, and a journal of what it really processed.

The journal is the truth that the hub's claims are held against: one JSON line per processed request, in order, on disk
before the answer leaves. A second copy that the partner recognised is answered, not journaled. A desk builds its whole
state from its journal, so it may be killed and started again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path  # noqa: TC003
from typing import Protocol, runtime_checkable
from urllib.parse import parse_qs

import msgspec

Clock = Callable[[], datetime]


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """Common shape: frozen, named fields."""


class Call(Value, frozen=True):
    """One HTTP request as it came. Header names are lower case; ``path`` is still percent-encoded."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    def parameter(self, name: str) -> str:
        return parse_qs(self.query).get(name, [""])[0]


class Said(Value, frozen=True):
    """An answer, before the server writes or spoils it."""

    body: bytes
    status: int = 200
    media_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = {}


def say(document: object, status: int = 200) -> Said:
    return Said(body=msgspec.json.encode(document), status=status)


class Entry(Value, frozen=True):
    """One processed request. ``key``: the sender's key for it, where the protocol has one; ``digest``: SHA-256 of ``body``."""

    number: int
    at: datetime
    operation: str
    key: str
    dossier: str
    reference: str
    digest: str
    body: str


class Desk(Protocol):
    """A partner's behaviour, without its network. ``journal`` holds what it processed."""

    journal: Journal

    def name(self, call: Call) -> str:
        """Name the partner's operation that this call asks for."""
        ...

    def answer(self, call: Call) -> Said:
        """Process it."""
        ...

    def refusal(self, call: Call) -> Said:
        """A business error as this partner says it, inside HTTP 200 where that is its habit. Nothing is processed."""
        ...

    def expire(self) -> None:
        """Forget every session, as partners do without telling."""
        ...

    def secrets(self) -> tuple[str, ...]:
        """Every secret that may legitimately travel on its wire now."""
        ...


@runtime_checkable
class Knows(Protocol):
    """A desk that can be asked for what it has by a number of its own."""

    def about(self, call: Call) -> bytes:
        """Return what a call is about and does not carry; empty: nothing, or not known."""
        ...


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


class Journal:
    """Append-only; kept in ``file`` when there is one. A last line that a crash cut off was never answered: it is dropped."""

    def __init__(self, file: Path | None, clock: Clock) -> None:
        self._file, self._clock = file, clock
        self.entries: list[Entry] = []
        if file is not None and file.exists():
            self._load(file)

    def record(
        self, operation: str, body: bytes, *, key: str = "", dossier: str = "", reference: str = ""
    ) -> Entry:
        entry = Entry(
            number=len(self.entries) + 1,
            at=self._clock(),
            operation=operation,
            key=key,
            dossier=dossier,
            reference=reference,
            digest=digest(body),
            body=body.decode("utf-8", "replace"),
        )
        self.entries.append(entry)
        if self._file is not None:
            with self._file.open("ab") as file:
                file.write(msgspec.json.encode(entry) + b"\n")
                file.flush()
                os.fsync(file.fileno())
        return entry

    @property
    def file(self) -> Path | None:
        return self._file

    def of(self, operation: str) -> Iterator[Entry]:
        return (entry for entry in self.entries if entry.operation == operation)

    def _load(self, file: Path) -> None:
        raw = file.read_bytes()
        whole = raw[: raw.rfind(b"\n") + 1]
        if whole != raw:
            os.truncate(file, len(whole))
        self.entries = [msgspec.json.decode(line, type=Entry) for line in whole.splitlines()]
