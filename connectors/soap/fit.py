"""Does a partner's file fit its WSDL, and itself? Asked when the partner is opened, not when a dossier waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.problems import refuse

if TYPE_CHECKING:
    from connectors.soap.settings import Asking, Settings
    from connectors.soap.wsdl import Call


def check(call: Call, settings: Settings) -> None:
    status = settings.status
    paths = {"reference": settings.reference, "key": settings.key}
    if status:
        paths |= {"status.code": status.code, "status.message": status.message}
    for place, path in paths.items():
        _know(call, path, place)


def check_question(call: Call, asking: Asking) -> None:
    _know(call, asking.element, "find.element")
    _know(call, asking.key, "find.key")
    _know(call, asking.reference, "find.reference")
    for path in asking.arguments:
        if not call.knows(path, of="input"):
            raise refuse("HUB-CFG-001", f"find.arguments.{path}", rule=f"an element of {call.input}")


def _know(call: Call, path: str | None, place: str) -> None:
    if path and not call.knows(path, of="output"):
        raise refuse("HUB-CFG-001", place, rule=f"an element of {call.output or 'a one-way call'}")


def check_about(settings: Settings) -> None:
    """A signed reply must say which request it is about; otherwise an old one, caught and sent again, would do."""
    if not (settings.addressing or settings.key):
        raise refuse("HUB-CFG-001", "addressing", rule="addressing or key, where replies are signed")
    if settings.find and not (settings.addressing or settings.find.key):
        raise refuse("HUB-CFG-001", "find.key", rule="addressing or find.key, where replies are signed")
