"""Agencies without a system, which come for what is theirs: one round of an officer's tool, and how it misbehaves by the dossier's number.

``9926`` to ``9930`` and ``9946`` to ``9949``: the first visit to that letter goes wrong, the next one goes well. ``9976`` and on: every visit. What a
visit to one letter is, well or not, is a row of steps; an office performs them (``visiting_mailbox``, ``visiting_folder``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from connectors.simulators.magic import FOREVER, number_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from connectors.simulators.tricks import Played

Step = Literal["early", "fetch", "keep", "acknowledge", "misquote", "refuse", "die"]
"""``early``: says that it has what it did not fetch. ``misquote``: says it wrongly. ``die``: the machine goes off, and the round ends there."""
WELL: tuple[Step, ...] = ("fetch", "keep", "acknowledge")


class Habit(NamedTuple):
    """``vi``, ``en``: what the office does."""

    kind: str
    steps: tuple[Step, ...]
    vi: str
    en: str


HABITS: Mapping[int, Habit] = {
    26: Habit("silent", ("fetch", "keep"), "lấy thư, không xác nhận", "fetches its letter, and never acknowledges it"),
    27: Habit("acknowledged-twice", (*WELL, "acknowledge"), "xác nhận hai lần", "acknowledges twice"),
    28: Habit("fetched-twice", ("fetch", *WELL), "lấy hai lần", "fetches twice"),
    29: Habit("dies-fetched", ("fetch", "die"), "máy tắt khi vừa lấy, chưa cất", "its machine goes off when it has fetched, and not kept"),
    30: Habit("dies-kept", ("fetch", "keep", "die"), "máy tắt khi đã cất, chưa xác nhận", "its machine goes off when it has kept, and not acknowledged"),
    46: Habit("refuses", ("fetch", "refuse"), "từ chối, có lý do", "says that it cannot process it, and why"),
    47: Habit("misquotes", ("fetch", "keep", "misquote"), "xác nhận sai: mã băm khác, tệp là rác", "acknowledges wrongly: another digest, a file of garbage"),
    48: Habit("early", ("early", *WELL), "hộp thư: xác nhận trước khi lấy", "mailbox: acknowledges before it fetches"),
    49: Habit("passes-by", (), "bỏ qua một thư, một danh mục", "passes a letter or a catalogue by"),
}  # fmt: skip


class Visit(NamedTuple):
    """What the office does with one letter. ``way``: ``well``, or the habit."""

    way: str
    steps: tuple[Step, ...]


def visit(dossier: str, letter: str, folder: Path) -> Visit:
    """Say how this visit to a letter goes. ``folder``: where the office remembers which letters went wrong before."""
    number = number_of(dossier)
    habit, mark = HABITS.get(number % FOREVER), folder / f".{letter}.wrong"
    if habit is None or (number < FOREVER and mark.exists()):
        return Visit("well", WELL)
    mark.touch()
    return Visit(habit.kind, habit.steps)


class Office(Protocol):
    """Such an agency."""

    def round(self, at: datetime) -> AsyncIterator[Played]:
        """Go once to what lies there, by the clock ``at``, and say of each step how it was answered."""
        ...
