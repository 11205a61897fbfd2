"""What the pages say of a refusal, and of what was said about a dossier: plain values for the templates."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hub import rules
from schemas.dossier import Message, from_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from hub.console.acts import Field
    from hub.console.render import Pages
    from schemas.errors import Catalogue
    from schemas.problems import Problem, Refusal

_UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
NAMELESS = "HUB-INT-001"


class Place(NamedTuple):
    """``id``: of the field in the page, where it is one."""

    id: str
    name: str
    said: str


class Told(NamedTuple):
    """A refusal in words."""

    code: str
    status: int
    title: str
    cause: str
    you: str
    places: tuple[Place, ...]


WIRE = {
    "/dossier/code": "code",
    "/dossier/procedure/national": "procedure",
    "/dossier/procedure": "procedure",
    "/dossier/procedure/local": "procedure",
    "/event/at": "at",
    "/event/due_at": "due",
    "/dossier/due_at": "due",
}
"""Where a field of a form stands in the message that it becomes."""


def told(
    refusal: Refusal, catalogue: Catalogue, pages: Pages, language: str, fields: Sequence[Field] = ()
) -> Told:
    """Say it in the person's language. ``fields``: of the form that was refused."""
    code = refusal.code if refusal.code in catalogue else NAMELESS
    entry = catalogue[code]
    names = {field.name for field in fields}
    places = tuple(_place(each, catalogue, pages, language, names) for each in refusal.problems)
    return Told(
        code=code,
        status=entry.status,
        title=entry.title.say(language),
        cause=entry.cause.say(language),
        you=entry.you.say(language),
        places=tuple(place for place in places if place.name),
    )


def _place(problem: Problem, catalogue: Catalogue, pages: Pages, language: str, names: set[str]) -> Place:
    name = WIRE.get(problem.place, problem.place)
    title = catalogue[problem.code].title.say(language) if problem.code in catalogue else ""
    rule = rules.said(problem.rule, language)
    if name in names:
        return Place(name, pages.say(language, f"field.{name}"), title)
    return Place("", problem.place, rule)


def mistakes(said: Told) -> dict[str, str]:
    """By field, what stands beside it."""
    return {place.id: place.said for place in said.places if place.id}


class Entry(NamedTuple):
    """One thing that was said about a dossier. ``agency``: who said it; ``files``: where each document is fetched, by the address
    that stands in it; ``letter``: it lies in the mailbox under this name, not confirmed yet.
    """

    at: datetime
    kind: str
    ours: bool
    message: Message | None = None
    agency: str = ""
    files: Mapping[str, str] = {}
    letter: str = ""


def message_of(payload: bytes) -> Message | None:
    """Read what is in the hub's own words; ``None``: it is not."""
    try:
        return from_json(payload)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def files(message: Message | None, transfer: str, base: str) -> dict[str, str]:
    """Lead each download address of the hub's to the page's own, by which an officer may fetch it."""
    dossier = message.dossier if message else None
    if dossier is None:
        return {}
    named = [*(each.reference for each in dossier.documents), *(each.reference for each in dossier.results)]
    return {
        address: f"/office/letters/{transfer}/files/{address.rpartition('/')[2]}"
        for address in named
        if address
        and (not base or address.startswith(f"{base}/"))
        and _UID.fullmatch(address.rpartition("/")[2])
    }
