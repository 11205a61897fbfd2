"""``lienthong``: reads the command line, hands each command its desk, and turns what happened into an exit status."""

from __future__ import annotations

import asyncio
import getpass
import inspect
import io
import os
import shutil
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cyclopts import CycloptsError

from hub.cli import manual, opening, options, telling, times, usage
from hub.cli.commands import ALONE, COMMANDS, GROUPS, build, named
from hub.cli.desk import Complaint, Desk
from hub.cli.exits import Exit, of_code
from hub.cli.screen import Screen, clean, screen_of
from hub.cli.words import Speech
from schemas.problems import Problem, Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from cyclopts import App

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Surroundings:
    """Everything outside the command line; tests hand in their own."""

    screen: Screen
    environment: Mapping[str, str]
    open: opening.Opener
    check: opening.Checker
    programs: opening.Programs
    keep: opening.Keeper
    now: Callable[[], datetime]
    by: str


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line with the real streams, clock and hub. Returns the exit status."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    width = shutil.get_terminal_size().columns
    around = Surroundings(
        screen=screen_of(sys.stdout, sys.stderr, sys.stdin, os.environ, width),
        environment=os.environ,
        open=opening.wired,
        check=opening.checked,
        programs=opening.WiredPrograms(),
        keep=opening.kept,
        now=times.utc_now,
        by=_person(),
    )
    try:
        status = run(sys.argv[1:] if argv is None else argv, around)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read us (`| head`) has enough. The exit flushes once more: Python's note on SIGPIPE, docs of `signal`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILED
    return status


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a uid without a name, as in many containers
        return f"uid-{os.getuid()}"


def run(argv: Sequence[str], around: Surroundings) -> int:
    """Run one command line in the given surroundings; raises nothing but ``BrokenPipeError``."""
    asked = options.taken(argv, around.environment)
    desk = Desk(
        speech=Speech(asked.lang),
        screen=around.screen,
        settings=asked.settings,
        as_json=asked.json,
        open=around.open,
        check=around.check,
        programs=around.programs,
        keep=around.keep,
        now=around.now,
        by=around.by,
    )
    try:
        return _run(asked, desk)
    except Complaint as said:
        return _complain(desk, said, asked.rest)
    except Refusal as refusal:
        telling.problems(desk, refusal.problems)
        return of_code(refusal.code)
    except BrokenPipeError:
        raise
    except KeyboardInterrupt:
        desk.tell("interrupted")
        return Exit.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - the last door: a person reads a code, not a traceback
        return _unexpected(desk, error)


def _run(asked: options.Options, desk: Desk) -> int:
    if asked.wrong:
        raise Complaint("usage.global", Exit.USAGE, name=asked.wrong)
    app, name = build(), named(asked.rest)
    if len(asked.rest) == 1 and name in ALONE and not asked.help:
        return _call(app, ALONE[name].split(), desk)
    if asked.version:
        return _call(app, ["version"], desk)
    if name not in COMMANDS:
        return _no_command(app, name, asked, desk)
    if asked.help:
        desk.screen.write(manual.page(app, name, desk.speech))
        return Exit.OK
    return _call(app, asked.rest, desk)


def _no_command(app: App, name: str, asked: options.Options, desk: Desk) -> int:
    """A page where one was asked for of something that there is; otherwise the verb is missing or unknown."""
    extra = [each for each in asked.rest[len(name.split()) :] if not (asked.help and each.startswith("-"))]
    if extra and (not name or name in GROUPS):
        raise usage.unknown_command(asked.rest, name)
    if asked.help or not asked.rest:
        desk.screen.write(manual.page(app, name, desk.speech))
        return Exit.OK
    desk.screen.tell(manual.page(app, name, desk.speech))
    return Exit.USAGE


def _call(app: App, tokens: list[str], desk: Desk) -> int:
    try:
        command, bound, _ = app.parse_args(tokens, print_error=False, exit_on_error=False)
    except CycloptsError as error:
        raise usage.complaint(error) from None
    result = command(*bound.args, **bound.kwargs, desk=desk)
    return int(asyncio.run(result) if inspect.iscoroutine(result) else result)


def _complain(desk: Desk, said: Complaint, rest: list[str]) -> int:
    desk.screen.tell(f"✕ {clean(desk.say(said.word, **said.values))}")
    if said.status == Exit.USAGE:
        desk.screen.tell(f"  {desk.say('told.next')}: lienthong {named(rest)} --help".replace("  --", " --"))
    return said.status


def _unexpected(desk: Desk, error: Exception) -> int:
    """Name the class and the place in our own code; the message may hold what a citizen wrote, so it stays out."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if str(ROOT) in frame.filename]
    place = f"{Path(frames[-1].filename).relative_to(ROOT)}:{frames[-1].lineno}" if frames else ""
    code = "HUB-INT-002" if isinstance(error, OSError) else "HUB-INT-001"
    telling.problems(desk, [Problem(code=code, place=place, detail=type(error).__name__)])
    return of_code(code)


if __name__ == "__main__":
    sys.exit(main())
