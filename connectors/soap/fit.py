"""Does a partner's file fit its WSDL, and itself? Asked when the partner is opened, not when a dossier waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.credentials.settings import SoapElement
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connectors.soap.settings import Asking, Settings
    from connectors.soap.wsdl import Call


def check(call: Call, settings: Settings) -> None:
    status = settings.status
    paths = {"reference": settings.reference, "key": settings.key}
    if status:
        paths |= {"status.code": status.code, "status.message": status.message}
    for place, path in paths.items():
        _know(call, path, place)


def check_inputs(calls: Iterable[Call], settings: Settings) -> None:
    """Files and keys stand where some operation has a place for them."""
    paths = {f"files_at.{number}": path for number, path in enumerate(settings.files_at)}
    if isinstance(settings.auth, SoapElement):
        paths |= {"auth.element": settings.auth.element}
    known = list(calls)
    for place, path in paths.items():
        if not any(call.knows(path, of="input") for call in known):
            raise refuse("HUB-CFG-001", place, rule="an element that some operation takes")


def check_question(call: Call, settings: Settings, asking: Asking) -> None:
    _know(call, asking.element, "find.element")
    _know(call, asking.key, "find.key")
    _know(call, asking.reference, "find.reference")
    shown = settings.auth.element if isinstance(settings.auth, SoapElement) else ""
    if shown and not call.knows(shown, of="input"):
        raise refuse("HUB-CFG-001", "auth.element", rule=f"an element of {call.input}")
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
