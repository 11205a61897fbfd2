"""``lienthong error list|explain``: the catalogue, offline and without settings."""

from __future__ import annotations

import re

from hub.cli import columns, show
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from schemas import errors

_SHORT = re.compile(r"^([A-Z]{3})-?(\d{1,3})$")


def list_(*, area: str = "", desk: At) -> int:
    wanted = f"HUB-{area.upper()}" if area else ""
    entries = errors.load().entries
    found = [entries[code] for code in sorted(entries) if code.startswith(wanted)]
    show.rows(desk, columns.ERRORS, found, "nothing.errors")
    return Exit.OK


def explain(code: str, /, *, desk: At) -> int:
    catalogue = errors.load()
    wanted = full_code(code)
    if wanted not in catalogue:
        near = [known for known in sorted(catalogue.entries) if known[:7] == wanted[:7]]
        known = ", ".join(near) or ", ".join(sorted({each[4:7] for each in catalogue.entries}))
        raise Complaint("unknown.code", Exit.FAILED, code=wanted, known=known)
    show.card(desk, columns.ERROR, catalogue[wanted])
    return Exit.OK


def full_code(said: str) -> str:
    """``net-3`` and ``HUB-NET-003`` name the same code."""
    upper = said.strip().upper()
    short = _SHORT.match(upper.removeprefix("HUB-"))
    return f"HUB-{short.group(1)}-{int(short.group(2)):03d}" if short else upper
