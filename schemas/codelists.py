"""Code lists as data: a code of a wire format, the word for it, names, and the days on which it counts.

Data: ``codelists/<id>.toml``, closed; their origin stands in ``codelists/SOURCE.toml``. ``until`` is the first day on which
a code no longer counts; ``successor`` is the code that then takes its place.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations at run time
from datetime import date  # noqa: TC003
from pathlib import Path

import msgspec

FOLDER = Path(__file__).parent / "codelists"
SOURCE = "SOURCE.toml"


class Closed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Common shape: frozen and closed."""


class Text(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    vi: str
    en: str


class Entry(Closed, frozen=True):
    """One code. ``inferred``: seen in use, not confirmed by a published text. ``parent``: a code of the list above, as a commune's district."""

    code: str
    word: str
    name: Text
    since: date | None = None
    until: date | None = None
    successor: str | None = None
    inferred: bool = False
    parent: str | None = None

    def counts(self, on: date) -> bool:
        return (self.since is None or self.since <= on) and (self.until is None or on < self.until)


class CodeList(Closed, frozen=True):
    """``field``: the format's field that the list was first seen in."""

    id: str
    field: str
    name: Text
    code: tuple[Entry, ...]

    def find(self, code: str, on: date) -> Entry | None:
        """Return what this code means on that day."""
        return next((entry for entry in self.code if entry.code == code and entry.counts(on)), None)

    def say(self, word: str, on: date) -> Entry | None:
        """Return the code for this word on that day."""
        return next((entry for entry in self.code if entry.word == word and entry.counts(on)), None)

    def successor(self, code: str, on: date) -> Entry | None:
        """Return what is to be used for this code on that day: itself, or the end of its chain."""
        seen: set[str] = set()
        following: str | None = code
        while following is not None and following not in seen:
            seen.add(following)
            found = self.find(following, on)
            if found is not None:
                return found
            following = next((e.successor for e in self.code if e.code == following and e.successor), None)
        return None


class CodeLists(msgspec.Struct, frozen=True):
    lists: Mapping[str, CodeList]

    def __getitem__(self, name: str) -> CodeList:
        """Return the list; raises ``KeyError``: a list that is not in the library is a defect of the caller."""
        return self.lists[name]

    @classmethod
    def load(cls, folder: Path = FOLDER, versions: Path | None = None) -> CodeLists:
        """Read every list. Raises ``ValueError`` naming the file: unknown key, double code or word, missing successor.

        ``versions``: a folder of folders with later lists, in the order of their names: a list takes the place of the earlier one.
        """
        paths = sorted(path for path in folder.glob("*.toml") if path.name != SOURCE)
        later = sorted(versions.glob("*/*.toml")) if versions else []
        return cls({path.stem: _read(path) for path in (*paths, *later)})


def _read(path: Path) -> CodeList:
    try:
        found = msgspec.convert(tomllib.loads(path.read_text("utf-8")), CodeList)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ValueError(f"{path.name}: {error}") from error
    if found.id != path.stem:
        raise ValueError(f"{path.name}: holds the list {found.id}")
    for at, entry in enumerate(found.code):
        _check(path.name, entry, found.code[:at], {other.code for other in found.code})
    return found


def _check(name: str, entry: Entry, earlier: tuple[Entry, ...], codes: set[str]) -> None:
    if entry.successor is not None and (entry.successor not in codes or entry.successor == entry.code):
        raise ValueError(f"{name}: successor {entry.successor} of {entry.code} is missing")
    for other in earlier:
        if (other.code == entry.code or other.word == entry.word) and _overlap(other, entry):
            raise ValueError(f"{name}: {entry.code} ({entry.word}) stands twice")


def _overlap(one: Entry, other: Entry) -> bool:
    begins_in_time = other.until is None or one.since is None or one.since < other.until
    ends_late = one.until is None or other.since is None or other.since < one.until
    return begins_in_time and ends_late
