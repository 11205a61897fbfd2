"""What a new version of a mapping would have said of real messages: both versions, the same message, compared by place. Nothing is sent or written.

Pure. What is told holds places and codes, never what stands there: it may go to both owners of the mapping.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Literal

import msgspec

from schemas.difference import Change, difference, without_numbers
from schemas.dossier import Message, to_json
from schemas.problems import Refusal, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from schemas.mapping import Mapping as Format

NOT_SAID = "HUB-MAP-002"


class Side(StrEnum):
    """``READ``: a sender's bytes into the hub's words; ``WRITTEN``: the hub's words into a recipient's format."""

    READ = "read"
    WRITTEN = "written"


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """One message under both versions. ``before``, ``after``: codes of what each refuses; empty: it says it."""

    about: str
    side: Side
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    places: frozenset[tuple[str, Change]] = frozenset()

    @property
    def same(self) -> bool:
        return not self.places and self.before == self.after


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that differs, over all messages. ``change``: what became of ``place`` (``Change``), or ``refused`` and
    ``no_longer_refused`` with a code and its place.
    """

    side: Side
    change: str
    place: str
    number: int
    example: str


def read(old: Format, new: Format, raw: bytes, known: tuple[str, str, str], about: str) -> Compared:
    """``known``: sender, key and agency, as the hub knows them."""
    before = _tried(lambda: to_json(old.read(raw, *known)))
    after = _tried(lambda: to_json(new.read(raw, *known)))
    return _compared(about, Side.READ, before, after, "json")


def written(old: Format, new: Format, operation: str, message: Message, key: str, about: str) -> Compared:
    before = _tried(lambda: _said(old, operation, message, key))
    after = _tried(lambda: _said(new, operation, message, key))
    return _compared(about, Side.WRITTEN, before, after, new.media)


def summed(found: Iterable[Compared]) -> list[Told]:
    """Each thing once: how many messages it touches, and one of them. What touches most comes first."""
    about: dict[tuple[Side, str, str], list[str]] = {}
    for one in found:
        for place, change in one.places:
            about.setdefault((one.side, str(change), place), []).append(one.about)
        for code in dict.fromkeys(one.after):
            if code not in one.before:
                about.setdefault((one.side, "refused", code), []).append(one.about)
        for code in dict.fromkeys(one.before):
            if code not in one.after:
                about.setdefault((one.side, "no_longer_refused", code), []).append(one.about)
    told = [
        Told(side=side, change=change, place=place, number=len(touched), example=touched[0])
        for (side, change, place), touched in about.items()
    ]
    return sorted(told, key=lambda each: (-each.number, each.side, each.change, each.place))


def _said(format_: Format, operation: str, message: Message, key: str) -> bytes:
    if operation not in format_.operations(message):
        raise refuse(NOT_SAID, rule=f"{format_.ref}: {message.kind} as {operation}")
    return format_.write(operation, message, key)


def _tried(say: Callable[[], bytes]) -> bytes | Refusal:
    try:
        return say()
    except Refusal as refusal:
        return refusal


def _compared(
    about: str, side: Side, before: bytes | Refusal, after: bytes | Refusal, media: Literal["json", "xml"]
) -> Compared:
    if isinstance(before, Refusal) or isinstance(after, Refusal):
        return Compared(about=about, side=side, before=_codes(before), after=_codes(after))
    return Compared(about=about, side=side, places=difference(before, after, media))


def _codes(said: bytes | Refusal) -> tuple[str, ...]:
    """``HUB-SCH-003 /data/*/MaHoSo``: the code and where."""
    if isinstance(said, bytes):
        return ()
    return tuple(
        dict.fromkeys(f"{each.code} {without_numbers(each.place)}".strip() for each in said.problems)
    )
