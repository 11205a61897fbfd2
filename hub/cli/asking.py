"""Before anything changes: the consequence is said, a reason is needed, and a person or ``--yes`` agrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.cli.desk import Complaint
from hub.cli.exits import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.cli.desk import Desk

LONGEST_REASON = 500


def agreed(desk: Desk, consequences: Sequence[str], *, reason: str, yes: bool) -> str:
    """Return the reason once it is agreed. Off a terminal, ``--reason`` and ``--yes`` must both be given."""
    for sentence in consequences:
        desk.screen.tell(sentence)
    said = reason.strip() or _asked_reason(desk)
    if len(said) > LONGEST_REASON:
        raise Complaint("usage.reason_long", Exit.USAGE, limit=LONGEST_REASON)
    if not yes:
        _confirm(desk)
    return said


def _asked_reason(desk: Desk) -> str:
    if not desk.screen.asks:
        raise Complaint("usage.reason", Exit.USAGE)
    said = desk.screen.ask(desk.say("ask.reason"))
    if not said:
        raise Complaint("usage.reason", Exit.USAGE)
    return said


def _confirm(desk: Desk) -> None:
    if not desk.screen.asks:
        raise Complaint("usage.yes", Exit.USAGE)
    answer = desk.screen.ask(desk.say("ask.sure")).casefold()
    if answer not in desk.speech.find("ask.agreement")["words"]:
        raise Complaint("ask.left", Exit.FAILED)
