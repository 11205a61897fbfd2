"""``--help``: what a command is for, how it is called, its options, two examples. The words are data in ``words.toml``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.cli.commands import COMMANDS, GROUPS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from cyclopts import App
    from cyclopts.argument import Argument

    from hub.cli.words import Speech

GLOBAL = ("--settings", "--lang", "--json", "--help")


def page(app: App, name: str, speech: Speech) -> str:
    """Return the page of one command, of a group, or of the whole program (empty name)."""
    if name in COMMANDS:
        return _command(app, name, speech)
    inside = [each for each in COMMANDS if each.split()[0] == name] if name else _top()
    summary = speech.say(f"group.{name}.summary" if name else "program.summary")
    usage = (
        f"lienthong {name} {speech.say('manual.verb')}"
        if name
        else f"lienthong {speech.say('manual.command')}"
    )
    listed = [(each, _summary(each, speech)) for each in inside]
    where = f"group.{name}" if name else "program"
    parts = [
        summary,
        f"{speech.say('manual.usage')}: {usage}",
        _section(speech.say("manual.commands"), listed),
        _globals(speech),
        _examples(where, speech),
    ]
    return "\n\n".join(parts)


def _top() -> list[str]:
    """The program's own page names groups, not each of their verbs."""
    return list(dict.fromkeys(name.split()[0] for name in COMMANDS))


def _summary(name: str, speech: Speech) -> str:
    return speech.say(
        f"group.{name}.summary" if name in GROUPS else f"command.{name.replace(' ', '.')}.summary"
    )


def _command(app: App, name: str, speech: Speech) -> str:
    found = app
    for step in name.split():
        found = found[step]
    shown = [each for each in found.assemble_argument_collection() if each.parse and each.show]
    where = f"command.{name.replace(' ', '.')}"
    parts = [speech.say(f"{where}.summary"), f"{speech.say('manual.usage')}: {_usage(name, shown, speech)}"]
    if shown:
        parts.append(_section(speech.say("manual.options"), [_described(each, speech) for each in shown]))
    parts += [_globals(speech), _examples(where, speech)]
    return "\n\n".join(parts)


def _positional(argument: Argument) -> bool:
    return not argument.name.startswith("-")


def key_of(argument: Argument) -> str:
    """The name under which ``words.toml`` describes an option: ``--all`` is ``option.all``."""
    return argument.name.lstrip("-").lower()


def _takes(argument: Argument, speech: Speech) -> str:
    return str(speech.find(f"option.{key_of(argument)}").get("takes", ""))


def _usage(name: str, arguments: Iterable[Argument], speech: Speech) -> str:
    words = ["lienthong", name]
    for each in arguments:
        takes = _takes(each, speech)
        if _positional(each):
            words.append(takes if each.required or takes.startswith("[") else f"[{takes}]")
        else:
            words.append(f"[{each.name} {takes}]" if takes else f"[{each.name}]")
    return " ".join(words)


def _described(argument: Argument, speech: Speech) -> tuple[str, str]:
    takes = _takes(argument, speech)
    left = takes if _positional(argument) else f"{argument.name} {takes}".strip()
    return left, speech.say(f"option.{key_of(argument)}")


def _globals(speech: Speech) -> str:
    rows = []
    for name in GLOBAL:
        takes = speech.find(f"option.{name.lstrip('-')}").get("takes", "")
        rows.append((f"{name} {takes}".strip(), speech.say(f"option.{name.lstrip('-')}")))
    return _section(speech.say("manual.global"), rows)


def _examples(where: str, speech: Speech) -> str:
    lines = [f"{speech.say('manual.examples')}:"]
    for example in speech.find(f"{where}.examples"):
        lines += [f"  # {example[speech.language]}", f"  {example['run']}"]
    return "\n".join(lines)


def _section(title: str, listed: Iterable[tuple[str, str]]) -> str:
    entries = list(listed)
    width = max(len(left) for left, _ in entries)
    return "\n".join([f"{title}:", *(f"  {left:<{width}}  {right}" for left, right in entries)])
