"""What was typed when a session ended: it waits in the officer's own browser, on the page where he signs in again, and nowhere else.

A form that comes too late is answered with that page, and what was typed stands hidden in it; after signing in it goes back to the form,
which is shown as it was, if the same officer signed in: others at the same screen are not shown it. Files do not: a browser lets
nobody fill them in again. Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hub.console.visits import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.console.forms import Form

LARGEST = 512 * 1024
"""Bytes of a page's form with what was typed in it."""
AGAIN = "/draft"
"""Behind the address of a form: where what was typed is shown in it again."""
_FORM = re.compile(rf"({ROOT}/(?:new|dossiers/[^/]+/say/[^/]+|letters/[^/]+/refuse))(?:{AGAIN})?")
_KEPT = "kept."
BY = "by"
"""The field of each form that says for whom it was shown."""

Typed = tuple[tuple[str, str], ...]


def address(path: str) -> str:
    """Where what was typed in the form at this address comes back; empty: nothing of it is kept."""
    found = _FORM.fullmatch(path)
    return f"{found[1]}{AGAIN}" if found else ""


def typed(form: Form) -> Typed:
    """All that a form holds but its stamp, which is another one after signing in."""
    return tuple((name, value) for name, value in form.values.items() if value and name != "stamp")


def hidden(said: Typed) -> Typed:
    """The same under names that no form has."""
    return tuple((f"{_KEPT}{name}", value) for name, value in said)


def is_of(said: Typed, officer: str) -> bool:
    """Whether this officer typed it."""
    return bool(officer) and dict(said).get(BY) == officer


def shown(values: Mapping[str, str]) -> Typed:
    """Read what ``hidden`` made."""
    return tuple(
        (name.removeprefix(_KEPT), value) for name, value in values.items() if name.startswith(_KEPT)
    )
