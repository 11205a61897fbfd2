"""From where a dossier stands to what happened: a record, and what the hub knew before, become messages. Pure.

A record of ``DongBoHoSoMC`` has a state and few dates; one of ``CapNhatTienDoHoSoMC`` has a state, who did it and when. What
happened is the way from the state that the hub knew to the one that is said (``WAY``); nothing is said of how it was
decided: a dossier that waited for its applicant or for money is *resumed*, whatever made it go on. What a record has no date
for is left to the progress record that follows it; of progress, each part of the way has its moment. What moves nothing is a
correction, or a step. A dossier that this client itself finished and shows open again was recalled by it; one that somebody
else finished was not.
"""

from __future__ import annotations

from collections import deque
from itertools import takewhile
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from connectors.desks import Message
from connectors.mapi.records import CODES, lasting, state_of, text
from connectors.repeats import Said, digest, earlier, key, retold
from schemas.dossier import Kind, State
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.desks import Standing
    from connectors.mapi.records import Progress, Record

K, S = Kind, State
RECORD, STEP = "HoSo", "TienDo"
"""The names under which what the client sent stands in the message."""
RESULTS = frozenset({K.FINISHED, K.RETURNED})
LASTING = RESULTS | {K.RECALLED}
MOVING = frozenset({S.ACCEPTED, S.PROCESSING, S.SUPPLEMENT, S.DUTY, S.STOPPED})
"""States in which a step is a step and no correction."""

WAY: dict[State | None, dict[State, Kind]] = {
    None: {S.ACCEPTED: K.RECEIVED, S.SUBMITTED: K.RECEIVED, S.REFUSED: K.REFUSED_AT_RECEPTION},
    S.SUBMITTED: {S.ACCEPTED: K.RECEIVED, S.REFUSED: K.REFUSED_AT_RECEPTION},
    S.ACCEPTED: {
        S.PROCESSING: K.STEP,
        S.REFUSED: K.REFUSED_AT_RECEPTION,
        S.WITHDRAWN: K.WITHDRAWN,
        S.STOPPED: K.SUSPENDED,
    },
    S.PROCESSING: {
        S.SUPPLEMENT: K.SUPPLEMENT_REQUESTED,
        S.DUTY: K.DUTY_ANNOUNCED,
        S.WITHDRAWN: K.WITHDRAWN,
        S.STOPPED: K.SUSPENDED,
        S.FINISHED: K.FINISHED,
    },
    S.SUPPLEMENT: {S.PROCESSING: K.RESUMED, S.WITHDRAWN: K.WITHDRAWN, S.STOPPED: K.SUSPENDED},
    S.DUTY: {S.PROCESSING: K.RESUMED, S.WITHDRAWN: K.WITHDRAWN, S.STOPPED: K.SUSPENDED},
    S.STOPPED: {S.PROCESSING: K.RESUMED},
    S.FINISHED: {S.RETURNED: K.RETURNED, S.PROCESSING: K.RECALLED},
    S.RETURNED: {S.PROCESSING: K.RECALLED},
}
"""From one state to the next, and what that is called; nothing leads out of the others."""
AFTER = {kind: state for ways in WAY.values() for state, kind in ways.items() if state is not S.SUBMITTED}
"""The state that each kind leads to."""


class Move(NamedTuple):
    kind: Kind
    to: State


def way(begin: State | None, end: State, *, recalls: bool = False) -> tuple[Move, ...]:
    """Return the shortest way; none where there is none, or where there is nowhere to go. ``recalls``: results may be recalled."""
    ways: deque[tuple[State | None, tuple[Move, ...]]] = deque([(begin, ())])
    seen: set[State | None] = {begin}
    while ways:
        at, moves = ways.popleft()
        if at is end:
            return moves
        for to, kind in WAY.get(at, {}).items():
            if to not in seen and (recalls or kind is not K.RECALLED):
                seen.add(to)
                ways.append((to, (*moves, Move(kind, to))))
    return ()


def told(record: Record, body: bytes, standing: Standing, place: str) -> tuple[Message, ...]:
    """Say a record. Raises ``Refusal`` HUB-MAP-001, HUB-SCH-003."""
    end, body = state_of(record.state, f"{place}/TrangThaiHoSo"), lasting(body)
    dates = _dates(record, end)

    def happened(moved: Kind | None) -> Sequence[Kind]:
        moves = way(standing.state, end, recalls=moved in RESULTS)
        kinds = [move.kind for move in takewhile(lambda move: move.kind in dates, moves)]
        if not kinds and standing.state is None:
            field = "NgayTuChoi" if end is S.REFUSED else "NgayTiepNhan"
            raise refuse("HUB-SCH-003", f"{place}/{field}", rule="required")
        return kinds or [K.CORRECTED]

    submitted = {K.RECEIVED: S.SUBMITTED} if end is S.SUBMITTED else {}
    return tuple(
        Message(
            body=_wrapped(kind, (AFTER | submitted).get(kind), _when(kind, dates), RECORD, body), key=made
        )
        for kind, made in retold("R", body, standing, happened)
    )


def stepped(steps: Sequence[tuple[Progress, bytes]], standing: Standing, place: str) -> tuple[Message, ...]:
    """Say the steps of one dossier in one call, each from where the one before it led."""
    messages: list[Message] = []
    for number, (step, body) in enumerate(steps):
        end = state_of(step.state, f"{place}/{number}/TrangThai")
        kinds = _parts(digest(body), end, standing)
        keys = tuple(key("P", Said(left, kind, digest(body))) for left, kind in kinds)
        for (left, kind), made in zip(kinds, keys, strict=True):
            state = end if kind is K.STEP and not left else AFTER.get(kind)
            messages.append(Message(body=_wrapped(kind, state, "", STEP, body), key=made))
        moves = any(kind is not K.CORRECTED for _, kind in kinds)
        fresh = tuple(made for made in keys if made not in standing.said)
        state = end if fresh and moves else standing.state
        standing = msgspec.structs.replace(standing, state=state, said=(*standing.said, *fresh))
    return tuple(messages)


def _parts(mark: str, end: State, standing: Standing) -> list[tuple[int, Kind]]:
    """What one step is told as: how many follow, and the kind. One that was said to its end is that and no more."""
    done = [(one.number, one.kind) for one in earlier("P", standing) if one.digest == mark]
    if done and not done[-1][0]:
        return done
    opened = standing.state is not None  # a step opens no dossier: intake refuses it
    moves = way(standing.state, end, recalls=_moved(standing) in RESULTS) if opened else ()
    plain = not opened or (standing.state is end and end in MOVING)
    kinds = [move.kind for move in moves] or [K.STEP if plain else K.CORRECTED]
    return [*done, *zip(reversed(range(len(kinds))), kinds, strict=True)]


def _moved(standing: Standing) -> Kind | None:
    """What this client itself last moved."""
    kinds = [each.partition("-")[2].partition("-")[0] for each in standing.said]
    return next((Kind(kind) for kind in reversed(kinds) if kind in LASTING), None)


def _dates(record: Record, end: State) -> dict[Kind, str]:
    """What of a record's way has a date; a step on it has the date of what it led to."""
    returned, asked = text(record.returned), [text(each.requested) for each in record.supplements]
    found = {
        K.RECEIVED: text(record.received) or text(record.submitted),
        K.REFUSED_AT_RECEPTION: text(record.refused),
        K.SUPPLEMENT_REQUESTED: asked[-1] if asked else "",
        K.FINISHED: text(record.finished) or returned,
        K.RETURNED: returned,
    }
    led = K.SUPPLEMENT_REQUESTED if end is S.SUPPLEMENT else K.FINISHED
    if end in {S.SUPPLEMENT, S.FINISHED, S.RETURNED}:
        found[K.STEP] = found[led]
    return {kind: date for kind, date in found.items() if date}


def _when(kind: Kind, dates: dict[Kind, str]) -> str:
    """A correction is of the record as it was taken in."""
    return dates.get(kind) or dates.get(K.RECEIVED) or max(dates.values(), default="")


def _wrapped(kind: Kind, state: State | None, at: str, name: str, body: bytes) -> bytes:
    """What the desk concluded, and beside it what the client sent."""
    said: dict[str, Any] = {"Kind": str(kind)}
    if state is not None:
        said["State"] = CODES[state]
    if at:
        said["At"] = at
    return msgspec.json.encode({**said, name: msgspec.Raw(body)})
