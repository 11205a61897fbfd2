"""What was broken, in Vietnamese. Rules are written in English where they are enforced; ``rules.toml`` says them again.

What is not there is a pattern, a name or a number, and the same in every language.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

LONGEST = 300
"""Characters of a rule that is said in another language; a longer one holds what somebody sent."""
FILE = Path(__file__).with_name("rules.toml")


def said(rule: str, language: str) -> str:
    """Return the rule in the person's language."""
    if language == "en" or len(rule) > LONGEST:
        return rule
    exact, patterns = _written()
    if rule in exact:
        return exact[rule]
    for pattern, text in patterns:
        found = pattern.fullmatch(rule)
        if found:
            return text.format(*found.groups())
    return rule


@cache
def _written() -> tuple[dict[str, str], list[tuple[re.Pattern[str], str]]]:
    """Read the file once; ``{}`` in an English text stands for anything, and comes again in the Vietnamese one."""
    rules: dict[str, str] = tomllib.loads(FILE.read_text("utf-8"))
    exact = {english: text for english, text in rules.items() if "{}" not in english}
    return exact, [
        (re.compile("(.+)".join(map(re.escape, english.split("{}")))), text)
        for english, text in rules.items()
        if "{}" in english
    ]
