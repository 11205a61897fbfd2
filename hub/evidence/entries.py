"""The journal's entries in a bundle: chained, under digests, stamped. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub.evidence import merkle, papers
from hub.evidence.chain import link, moment
from hub.evidence.papers import Entry, Said
from hub.evidence.parts import Holds
from schemas.problems import refuse
from signing import timestamps

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from hub.evidence.parts import Parts

_ONCE = frozenset({"accepted", "sealed"})
_ORDER = "entries in their order, each once"


class Entries:
    """What was read of the journal so far. ``anchors``: whose stamps are believed."""

    def __init__(self, parts: Parts, anchors: timestamps.Anchors) -> None:
        self._parts, self._anchors = parts, anchors
        self._said: dict[tuple[str, str], Said] = {}
        self._stamps: dict[tuple[str, bytes], datetime] = {}

    def said(self, what: str, about: str) -> Said | None:
        """Return the first entry that says this about a transfer; ``accepted`` is said about a message."""
        return self._said.get((what, about))

    def read(self, id_: str) -> Iterator[Holds]:
        name, last = papers.of_message(id_, "journal.json"), 0
        for entry in self._parts.paper(name, tuple[Entry, ...]):
            said = self._entry(name, entry, id_)
            self._parts.holds(name, true=said.seq > last, rule=_ORDER)
            last = said.seq
            proved_at = self._stamped(name, entry)
            self._remember(name, said)
            yield Holds(
                check="entry",
                about=f"{said.seq} {said.what} {said.transfer or said.message}",
                at=proved_at or moment(said.at),
                proved=proved_at is not None,
            )

    def _remember(self, name: str, said: Said) -> None:
        """What happens once is journaled once: of two that differ, one would hide the other."""
        key = (said.what, said.message if said.what == "accepted" else said.transfer)
        self._parts.holds(name, true=said.what not in _ONCE or key not in self._said, rule=_ORDER)
        self._said.setdefault(key, said)

    def _entry(self, name: str, entry: Entry, id_: str) -> Said:
        try:
            said = msgspec.json.decode(entry.said, type=Said)
            chained = link(bytes.fromhex(entry.before), entry.said.encode()).hex()
        except (msgspec.DecodeError, ValueError) as error:
            raise refuse("HUB-EVD-010", name, rule="journal entries") from error
        self._parts.holds(name, true=chained == entry.hash, rule=f"the hash of entry {said.seq}")
        self._parts.holds(name, true=said.message == id_, rule="entries of this message")
        return said

    def _stamped(self, name: str, entry: Entry) -> datetime | None:
        root = entry.root
        if root is None:
            return None
        try:
            path = [bytes.fromhex(step) for step in entry.path]
            climbed = merkle.climb(bytes.fromhex(entry.hash), entry.place, root.leaves, path)
            digest = bytes.fromhex(root.digest)
        except ValueError as error:
            raise refuse("HUB-EVD-010", name, rule="hashes") from error
        self._parts.holds(name, true=climbed == digest, rule="the way from each entry up to its digest")
        if not root.token:
            return None
        return self._time(root.token, digest)

    def _time(self, token: str, digest: bytes) -> datetime:
        """Many entries are under one stamp: it is looked at once."""
        known = self._stamps.get((token, digest))
        if known is None:
            known = timestamps.read(self._parts.file(token), digest, self._anchors)
            self._stamps[token, digest] = known
        return known
