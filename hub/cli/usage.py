"""What the parser found wrong, said in the person's language."""

from __future__ import annotations

import re
from datetime import date
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal, get_args, get_origin

from cyclopts import (
    CoercionError,
    MissingArgumentError,
    RepeatArgumentError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from hub.cli.commands import COMMANDS, GROUPS
from hub.cli.desk import Complaint
from hub.cli.exits import Exit

if TYPE_CHECKING:
    from cyclopts import CycloptsError
    from cyclopts.argument import Argument


_WORDS: dict[object, str] = {int: "usage.number", date: "usage.day"}
_CODE = re.compile(r"(HUB-)?[A-Z]{3}-\d{1,3}", re.IGNORECASE)


def complaint(error: CycloptsError) -> Complaint:
    """Word the parser's error; one that has no words of its own is a wrong use all the same."""
    match error:
        case UnknownOptionError():
            word, values = "usage.option", {"name": error.token.keyword or error.token.value}
        case MissingArgumentError():
            word, values = "usage.missing", {"name": _name(error.argument)}
        case RepeatArgumentError():
            word, values = "usage.repeated", {"name": _name(error.argument)}
        case CoercionError():
            said = error.token.value if error.token else ""
            known = _known(error.target_type)
            word = _WORDS.get(error.target_type, "usage.value")
            values = {"name": _name(error.argument), "value": said, "known": known}
        case UnusedCliTokensError():
            word, values = "usage.unused", {"words": " ".join(error.unused_tokens or ())}
        case _:
            word, values = "usage.wrong", {}
    return Complaint(word, Exit.USAGE, **values)


def unknown_command(tokens: list[str], inside: str) -> Complaint:
    """Name the command that does not exist and the nearest one that does."""
    said = " ".join(tokens[: 2 if inside else 1])
    asked = _asked(tokens, inside)
    if asked:
        return Complaint("usage.command", Exit.USAGE, name=said, near=asked)
    among = [name for name in COMMANDS if name.split()[0] == inside]
    near = get_close_matches(said, among or [*COMMANDS, *GROUPS], n=1, cutoff=0.5)
    suggestion = near[0] if near else f"{inside} --help".strip()
    return Complaint("usage.command", Exit.USAGE, name=said, near=f"lienthong {suggestion}")


def _asked(tokens: list[str], inside: str) -> str:
    """A code where a command stands is to be explained; ``help`` is an option here."""
    last = tokens[-1]
    if _CODE.fullmatch(last):
        return f"lienthong error explain {last}"
    if tokens[0] == "help" and not inside:
        return " ".join(["lienthong", *tokens[1:], "--help"])
    return ""


def _name(argument: Argument | None) -> str:
    return argument.name if argument else ""


def _known(target: object) -> str:
    """What would have been taken: the choices, or the kind of value."""
    if get_origin(target) is Literal:
        return ", ".join(str(each) for each in get_args(target))
    return getattr(target, "__name__", str(target))
