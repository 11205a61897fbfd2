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
    said = _reason(desk, consequences, reason)
    if not yes:
        _confirm(desk)
    return said


def agreed_by_two(
    desk: Desk, consequences: Sequence[str], *, reason: str, yes: bool, approver: str
) -> tuple[str, str]:
    """Return reason and approver: what gives up a promise of the hub needs a second person, who is not the one who acts.

    A person who named themselves hears so before any consequence.
    """
    if approver and _same(desk, approver):
        raise Complaint("usage.approver", Exit.APPROVAL, by=desk.by)
    said = _reason(desk, consequences, reason)
    second = approver.strip() or (desk.screen.ask(desk.say("ask.approver")) if desk.screen.asks else "")
    if _same(desk, second):
        raise Complaint("usage.approver", Exit.APPROVAL, by=desk.by)
    if len(second) > LONGEST_REASON:
        raise Complaint("usage.reason_long", Exit.USAGE, limit=LONGEST_REASON)
    if not yes:
        _confirm(desk)
    return said, second


def _same(desk: Desk, approver: str) -> bool:
    return approver.strip().casefold() in {"", desk.by.casefold()}


def _reason(desk: Desk, consequences: Sequence[str], reason: str) -> str:
    if len(reason.strip()) > LONGEST_REASON:
        raise Complaint("usage.reason_long", Exit.USAGE, limit=LONGEST_REASON)
    for sentence in consequences:
        desk.screen.tell(sentence)
    said = reason.strip() or _asked_reason(desk)
    if len(said) > LONGEST_REASON:
        raise Complaint("usage.reason_long", Exit.USAGE, limit=LONGEST_REASON)
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
