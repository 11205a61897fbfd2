"""How a transfer's state looks: word, shape and colour, never colour alone. One table."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from hub.cli import times
from hub.lifecycle import MOVES, Move, State

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from hub.cli.words import Speech
    from hub.store.contract.views import TransferView


class Face(NamedTuple):
    shape: str
    colour: str


FACES: Mapping[str, Face] = {
    "waiting": Face("↻", "yellow"),
    "again": Face("↻", "yellow"),  # waiting with a wake time
    "blocked": Face("▮", "yellow"),
    "offered": Face("◇", "yellow"),  # lies where the partner fetches it; nobody has
    "fetched": Face("◆", "cyan"),  # fetched, and not acknowledged yet
    "sending": Face("▶", "cyan"),
    "asking": Face("▶", "cyan"),  # in doubt; the partner will be asked
    "person": Face("?", "magenta"),  # in doubt; nobody but a person can decide
    "delivered": Face("●", "green"),
    "acknowledged": Face("●", "green"),
    "refused": Face("✕", "red"),
    "dead": Face("✕", "red"),
    "parked": Face("⚙", "magenta"),
    "held": Face("∥", "blue"),
    "skipped": Face("»", "bright_black"),
    "withdrawn": Face("○", "bright_black"),
}
"""The word of each face is ``state.<face>`` in ``words.toml``."""

BY_A_PERSON = (Move.RETRY, Move.RELEASE, Move.HOLD, Move.SKIP, Move.WITHDRAW)
IN_FLIGHT = frozenset({"sending", "asking"})


def face_of(view: TransferView, now: datetime) -> str:
    """Name the face. In doubt without a wake time, it waits for a person once a reason was recorded; a wake time that
    has passed means that the hub is at it.
    """
    if view.offered_at is not None and view.state in (State.WAITING, State.IN_DOUBT):
        return "offered" if view.state is State.WAITING else "fetched"
    later = view.wake_at is not None and view.wake_at > now
    if view.state is State.WAITING:
        if view.blocked:
            return "blocked"
        return "again" if later else "waiting"
    if view.state is State.IN_DOUBT:
        if later:
            return "asking"
        return "person" if view.problem and view.wake_at is None else "sending"
    return view.state.value


def words_of(view: TransferView, speech: Speech, now: datetime) -> str:
    """``↻ gửi lại lúc 14:32``."""
    face = face_of(view, now)
    wake = times.clock(view.wake_at, now) if view.wake_at else ""
    return f"{FACES[face].shape} {speech.say(f'state.{face}', wake=wake)}"


def sensible_moves(view: TransferView, now: datetime) -> tuple[Move, ...]:
    """What a person may do now; nothing while the hub itself is at it."""
    face = face_of(view, now)
    if face in IN_FLIGHT:
        return ()
    pointless = {
        Move.RETRY: face
        in (
            "waiting",
            "blocked",
            "offered",
            "fetched",
        ),  # it waits for its turn or its partner, not for a time
        Move.SKIP: view.blocked,  # only the head of a lane can be skipped
    }
    return tuple(
        move for move in BY_A_PERSON if (view.state, move) in MOVES and not pointless.get(move, False)
    )
