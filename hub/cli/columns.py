"""The columns of everything that is listed. Stable: keys are JSON keys, their order is the order of TSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub import rules
from hub.cli import times
from hub.cli.faces import FACES, face_of, words_of
from hub.cli.show import Column
from hub.cli.telling import entry_of
from hub.delivery import supplying
from hub.health.circuit import Circuit

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from hub.cli.desk import Desk
    from hub.store.contract.views import AttemptView, JournalRow, MessageView, QueueRow, TransferView
    from schemas.errors import Entry, Words


def _state(row: TransferView, desk: Desk) -> str:
    return words_of(row, desk.speech, desk.now())


def _colour(row: TransferView, desk: Desk) -> str:
    return FACES[face_of(row, desk.now())].colour


def _problem(row: TransferView, desk: Desk) -> str:
    entry = entry_of(row.problem) if row.problem else None
    return f"{row.problem} {entry.title.say(desk.speech.language)}" if entry else row.problem


def _supplier(row: TransferView, desk: Desk) -> str:
    """Who can supply what is missing, and which partner that is, where the transfer says it."""
    who = supplying.waits_for(row)
    return " ".join((desk.say(f"supplier.{who}"), supplying.named(row, ""))).strip() if who else ""


def _taken(row: TransferView, _: Desk) -> str:
    """What its message left out: each place with the message that said it before."""
    return "; ".join(f"{place} ← {message}" for place, message in row.taken.items())


def _age(moment: datetime | None, desk: Desk) -> str:
    return times.span(desk.speech, (desk.now() - moment).total_seconds()) if moment else ""


NEVER = 1 << 30
"""The ``room`` of what only programs read."""

TRANSFERS: tuple[Column[TransferView], ...] = (
    Column("id", lambda row: row.id, whole=True),
    Column("state", lambda row: row.state.value, _state, _colour),
    Column("blocked", lambda row: row.blocked, room=NEVER),
    Column("partner", lambda row: row.partner, whole=True),
    Column("operation", lambda row: row.operation, room=180),
    Column("dossier", lambda row: row.code, whole=True),
    Column("problem", lambda row: row.problem, room=110, whole=True),
    Column("supplier", supplying.waits_for, _supplier, room=130),
    Column("detail", lambda row: row.detail, room=NEVER),
    Column("attempts", lambda row: row.attempts, room=140),
    Column(
        "accepted_at", lambda row: row.accepted_at, lambda row, desk: _age(row.accepted_at, desk), room=96
    ),
    Column("wake_at", lambda row: row.wake_at, room=200),
)

TRANSFER: tuple[Column[TransferView], ...] = (
    Column("id", lambda row: row.id),
    Column("state", lambda row: row.state.value, _state, _colour),
    Column("blocked", lambda row: row.blocked),
    Column("partner", lambda row: row.partner),
    Column("operation", lambda row: row.operation),
    Column("part", lambda row: row.part),
    Column("kind", lambda row: row.kind),
    Column("dossier", lambda row: row.code),
    Column("message", lambda row: row.message),
    Column("sender", lambda row: row.sender),
    Column("stage", lambda row: row.stage, lambda row, desk: desk.say(f"stage.{row.stage}")),
    Column("key", lambda row: row.key),
    Column("problem", lambda row: row.problem, _problem),
    Column("detail", lambda row: row.detail, lambda row, desk: rules.said(row.detail, desk.speech.language)),
    Column("supplier", supplying.waits_for, _supplier),
    Column("attempts", lambda row: row.attempts),
    Column("sends", lambda row: row.sends),
    Column("accepted_at", lambda row: row.accepted_at),
    Column("wake_at", lambda row: row.wake_at),
    Column("settled_at", lambda row: row.settled_at),
    Column("deadline", lambda row: row.deadline),
    Column("reference", lambda row: row.reference),
    Column("receipt_by", lambda row: row.receipt_by),
    Column("receipt_at", lambda row: row.receipt_at),
    Column("supersedes", lambda row: row.supersedes),
    Column("superseded_by", lambda row: list(row.superseded_by)),
    Column("offered_at", lambda row: row.offered_at),
    Column("fetched_at", lambda row: row.fetched_at),
    Column("taken", lambda row: dict(row.taken), _taken),
)


def _statuses(row: AttemptView) -> list[str]:
    """HTTP statuses or what broke, one per exchange; neither addresses nor content."""
    return [each.error or str(each.status) for each in row.attempt.exchanges]


def _signers(row: AttemptView) -> list[str]:
    """By whose signature each reply held, as far as one did."""
    return [each.signer for each in row.attempt.exchanges if each.signer]


OUTCOMES = {"delivered": "green", "refused": "red", "deferred": "yellow", "unsure": "magenta"}

ATTEMPTS: tuple[Column[AttemptView], ...] = (
    Column("number", lambda row: row.number),
    Column(
        "started_at", lambda row: row.attempt.started_at, lambda row, _: times.local(row.attempt.started_at)
    ),
    Column("verb", lambda row: row.attempt.verb, lambda row, desk: desk.say(f"verb.{row.attempt.verb}")),
    Column(
        "outcome",
        lambda row: row.attempt.outcome,
        lambda row, desk: desk.say(f"outcome.{row.attempt.outcome}"),
        lambda row, _: OUTCOMES.get(row.attempt.outcome, ""),
    ),
    Column("code", lambda row: row.attempt.code),
    Column("detail", lambda row: row.attempt.detail, room=140),
    Column("answers", _statuses),
    Column("signer", _signers, room=180),
    Column("seconds", lambda row: round(row.attempt.seconds, 3)),
)

JOURNAL: tuple[Column[JournalRow], ...] = (
    Column("seq", lambda row: row.seq),
    Column("at", lambda row: row.at, lambda row, _: times.local(row.at)),
    Column("what", lambda row: row.what),
    Column("message", lambda row: row.message, room=140),
    Column("transfer", lambda row: row.transfer, room=140),
    Column("facts", lambda row: dict(row.facts)),
)

MESSAGES: tuple[Column[MessageView], ...] = (
    Column("id", lambda row: row.id, whole=True),
    Column("accepted_at", lambda row: row.accepted_at, lambda row, _: times.local(row.accepted_at)),
    Column("sender", lambda row: row.sender),
    Column("kind", lambda row: row.kind),
    Column("transfers", lambda row: list(row.transfers), lambda row, _: str(len(row.transfers))),
    Column("quarantine", lambda row: row.quarantine, colour=lambda row, _: "red" if row.quarantine else ""),
    Column(
        "gave_way",
        lambda row: msgspec.to_builtins(row.gave_way) if row.gave_way else None,
        lambda row, _: f"{row.gave_way.rule} ← {row.gave_way.by}" if row.gave_way else "",
        room=150,
    ),
)

STOPPED = ("in_doubt", "refused", "dead", "parked", "held")
COUNTED = ("waiting", *STOPPED)


def _counted(state: str) -> Column[QueueRow]:
    return Column(state, lambda row: row.counts.get(state, 0), colour=lambda row, _: _alarm(row, state))


def _alarm(row: QueueRow, state: str) -> str:
    return "red" if state in ("refused", "dead") and row.counts.get(state) else ""


def door_word(row: QueueRow) -> str:
    """``paused`` by a person, otherwise what the circuit says, otherwise whether it is the partner's hour."""
    if row.paused:
        return "paused"
    if row.circuit != Circuit.CLOSED:
        return CIRCUITS[row.circuit]
    if row.opens is not None:
        return "shut"
    return "sending" if row.window is None else "returning"


CIRCUITS = {"open": "stopped", "half_open": "trying"}
DOORS = {
    "sending": ("●", "green"),
    "returning": ("◐", "yellow"),
    "trying": ("▶", "yellow"),
    "stopped": ("✕", "red"),
    "shut": ("○", "blue"),
    "paused": ("∥", "blue"),
}


def door_words(row: QueueRow, desk: Desk, *, worked: bool) -> str:
    """``worked``: a worker is alive that acts when a time comes; without one, what has come is due and nothing happens."""
    word = door_word(row)
    comes = {"stopped": row.circuit_until, "shut": row.opens}.get(word)
    due = comes is not None and comes < desk.now() and not worked
    said = desk.say(
        f"door.{word}_due" if due else f"door.{word}",
        until=times.clock(row.circuit_until, desk.now()) if row.circuit_until else "",
        opens=times.clock(row.opens, desk.now()) if row.opens else "",
        window=row.window or "",
    )
    why = f" ({row.circuit_code})" if word == "stopped" and row.circuit_code else ""
    return f"{DOORS[word][0]} {said}{why}"


DOOR: Column[QueueRow] = Column(
    "door",
    door_word,
    lambda row, desk: door_words(row, desk, worked=True),
    lambda row, _: DOORS[door_word(row)][1],
)

HEALTH: tuple[Column[QueueRow], ...] = (
    Column("tries_at", lambda row: row.circuit_until, room=NEVER),
    Column("cause", lambda row: row.circuit_code, room=NEVER),
    Column("window", lambda row: row.window, room=NEVER),
    Column("opens", lambda row: row.opens, room=NEVER),
    Column("closes", lambda row: row.closes, room=NEVER),
)
"""What stands in the words of the door, for programs."""

QUEUE: tuple[Column[QueueRow], ...] = (
    Column("partner", lambda row: row.partner, whole=True),
    DOOR,
    *(_counted(state) for state in COUNTED),
    Column("blocked", lambda row: row.blocked),
    Column("overdue", lambda row: row.overdue, colour=lambda row, _: "red" if row.overdue else ""),
    Column("oldest", lambda row: row.oldest, lambda row, desk: _age(row.oldest, desk)),
    *HEALTH,
    Column("unfetched", lambda row: row.unfetched, lambda row, desk: _age(row.unfetched, desk), room=150),
)


def _text(key: str, words: Callable[[Entry], Words]) -> Column[Entry]:
    return Column(
        key,
        lambda row: {"vi": words(row).vi, "en": words(row).en},
        lambda row, desk: words(row).say(desk.speech.language),
        said=True,
    )


_CODE: Column[Entry] = Column("code", lambda row: row.code, whole=True)
_RETRY: Column[Entry] = Column(
    "retry", lambda row: row.retry, lambda row, desk: desk.say(f"again.{row.retry}")
)
_TITLE = _text("title", lambda row: row.title)

ERRORS: tuple[Column[Entry], ...] = (_CODE, _RETRY, _TITLE)

ERROR: tuple[Column[Entry], ...] = (
    _CODE,
    _TITLE,
    _text("cause", lambda row: row.cause),
    _text("you", lambda row: row.you),
    _text("operator", lambda row: row.operator),
    _RETRY,
    Column("status", lambda row: row.status),
    Column("soap", lambda row: row.soap),
    Column("since", lambda row: row.since),
)
