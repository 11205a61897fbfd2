"""How an error is told: code, title, cause, what to do, next command. On ``err``; as JSON when JSON was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub import rules
from hub.cli.screen import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.cli.desk import Desk
    from schemas.errors import Entry
    from schemas.problems import Problem

NEXT: tuple[tuple[str, str], ...] = (
    ("HUB-LAN-002", "lienthong transfer show ID"),
    ("HUB-LAN-003", "lienthong transfer show ID"),
    ("HUB-LAN-004", "lienthong transfer list"),
    ("HUB-DOS-002", "lienthong transfer list"),
    ("HUB-CFG-001", "lienthong partner check FILE"),
)
"""The next command by code; any other code has ``lienthong error explain CODE``."""


def entry_of(code: str) -> Entry | None:
    from schemas import errors  # noqa: PLC0415 - read only when there is something to tell

    return errors.load().entries.get(code)


def next_command(code: str, subject: str = "") -> str:
    found = next((command for known, command in NEXT if known == code), "")
    if subject:
        found = found.replace("ID", subject).replace("FILE", subject)
    return found or f"lienthong error explain {code}"


def problems(desk: Desk, found: Sequence[Problem], subject: str = "") -> None:
    """Tell what was found: each code once, with every place where it was met."""
    if desk.as_json:
        desk.screen.tell(msgspec.json.encode({"errors": [_object(desk, each) for each in found]}).decode())
        return
    for code in dict.fromkeys(each.code for each in found):
        _told(desk, code, [each for each in found if each.code == code], subject)


def _told(desk: Desk, code: str, found: Sequence[Problem], subject: str) -> None:
    entry, say, language = entry_of(code), desk.say, desk.speech.language
    title = entry.title.say(language) if entry else say("told.not_in_catalogue")
    lines = [f"✕ {code}  {title}"]
    for each in found:
        rule = rules.said(each.rule, language)
        place = " ".join(part for part in (_place(each), rule, rules.said(each.detail, language)) if part)
        lines += [f"  {say('told.place')}: {clean(place)}"] if place else []
    if entry:
        lines.append(f"  {say('told.cause')}: {entry.cause.say(language)}")
        lines.append(f"  {say('told.do')}: {entry.operator.say(language)}")
    lines.append(f"  {say('told.next')}: {next_command(code, subject)}")
    desk.screen.tell("\n".join(lines))


def _place(problem: Problem) -> str:
    return f"{problem.place} ({problem.line})" if problem.line else problem.place


def _object(desk: Desk, problem: Problem) -> dict[str, object]:
    entry = entry_of(problem.code)
    words = (
        {"title": entry.title.say(desk.speech.language), "operator": entry.operator.say(desk.speech.language)}
        if entry
        else {}
    )
    return {**msgspec.to_builtins(problem), **words}
