"""How an error is told: code, title, cause, what to do, next command. On ``err``; as JSON when JSON was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from hub.cli.screen import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.cli.desk import Desk
    from schemas.errors import Entry
    from schemas.problems import Problem

NEXT: tuple[tuple[str, str], ...] = (
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
    if desk.as_json:
        desk.screen.tell(msgspec.json.encode({"errors": [_object(desk, each) for each in found]}).decode())
        return
    for each in found:
        _problem(desk, each, subject)


def _problem(desk: Desk, problem: Problem, subject: str) -> None:
    entry, say = entry_of(problem.code), desk.say
    language = desk.speech.language
    title = entry.title.say(language) if entry else say("told.not_in_catalogue")
    lines = [f"✕ {problem.code}  {title}"]
    place = " ".join(part for part in (_place(problem), problem.rule, problem.detail) if part)
    if place:
        lines.append(f"  {say('told.place')}: {clean(place)}")
    if entry:
        lines.append(f"  {say('told.cause')}: {entry.cause.say(language)}")
        lines.append(f"  {say('told.do')}: {entry.operator.say(language)}")
    lines.append(f"  {say('told.next')}: {next_command(problem.code, subject)}")
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
