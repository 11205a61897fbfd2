"""Options that every command takes, wherever they stand: ``--settings``, ``--lang``, ``--json``, ``--help``.

They are taken out before the command is parsed, because help and errors of the parsing itself must already be in the
person's language. After ``--`` everything is the command's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from hub.cli.words import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DEFAULT_SETTINGS = "lienthong.toml"
VALUED = {"--settings": "settings", "--lang": "lang"}
FLAGS = {"--json": "json", "--help": "help", "-h": "help", "--version": "version"}


@dataclass(frozen=True)
class Options:
    """``rest``: what the command parses. ``wrong``: the option that has no value, or a value nobody knows."""

    settings: Path
    lang: str
    json: bool
    help: bool
    version: bool
    rest: list[str] = field(default_factory=list)
    wrong: str = ""


def taken(argv: Sequence[str], environment: Mapping[str, str]) -> Options:
    values = {
        "settings": environment.get("LIENTHONG_SETTINGS") or DEFAULT_SETTINGS,
        "lang": environment.get("LIENTHONG_LANG") or LANGUAGES[0],
    }
    flags: set[str] = set()
    rest: list[str] = []
    wrong = ""
    words = iter(argv)
    for word in words:
        name, equals, value = word.partition("=")
        if word == "--":
            rest.extend((word, *words))
        elif name in VALUED:
            values[VALUED[name]] = value if equals else next(words, "")
            wrong = wrong or ("" if values[VALUED[name]] else name)
        elif word in FLAGS:
            flags.add(FLAGS[word])
        else:
            rest.append(word)
    lang = values["lang"].lower()
    return Options(
        settings=Path(values["settings"]),
        lang=lang if lang in LANGUAGES else LANGUAGES[0],
        json="json" in flags,
        help="help" in flags,
        version="version" in flags,
        rest=rest,
        wrong=wrong or ("" if lang in LANGUAGES else "--lang"),
    )
