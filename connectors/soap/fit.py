"""Does a partner's file fit its WSDL, and itself? Asked when the partner is opened, not when a dossier waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.credentials.settings import SoapElement
from schemas.problems import Problem, refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from connectors.soap.settings import Asking, Settings
    from connectors.soap.wsdl import Call, Service


UNSAID = "status, or any_output = true: which answers mean taken"
"""An output that holds something may hold a refusal; a person says that it never does."""


def misfits(service: Service, settings: Settings) -> Iterator[Problem]:
    """Everything that the partner's file says and the WSDL does not know."""
    for hub, name in settings.operations.items():
        call = service.calls.get(name)
        yield from _replies(call, settings) if call else [_unknown(f"operations.{hub}", name)]
    yield from _inputs(service.calls.values(), settings)
    asking = settings.find
    if asking:
        call = service.calls.get(asking.operation)
        yield from (
            _question(call, settings, asking) if call else [_unknown("find.operation", asking.operation)]
        )


def untaken(service: Service, settings: Settings, operations: Mapping[str, str]) -> Iterator[Problem]:
    """What a mapping says and the WSDL does not take, and outputs that nobody has said how to read. ``operations``: each with the Body's child that the mapping writes."""
    for hub, child in operations.items():
        name = settings.operations.get(hub, hub)
        call = service.calls.get(name)
        if call is None and hub not in settings.operations:
            yield _unknown("operations", f"{hub} (mapping)")
        elif call is not None and call.input != child:
            yield _problem("operations", f"the mapping writes {child}, {name} takes {call.input}")
        if call is not None and call.says_more and not (settings.status or settings.any_output):
            yield Problem(code="HUB-CFG-001", place="status", rule=UNSAID, detail=name)


def _replies(call: Call, settings: Settings) -> Iterator[Problem]:
    status = settings.status
    paths = {"reference": settings.reference, "key": settings.key}
    if status:
        paths |= {"status.code": status.code, "status.message": status.message}
    for place, path in paths.items():
        yield from _known(call, path, place)


def _inputs(calls: Iterable[Call], settings: Settings) -> Iterator[Problem]:
    """Files and keys stand where some operation has a place for them."""
    paths = {f"files_at.{number}": path for number, path in enumerate(settings.files_at)}
    if isinstance(settings.auth, SoapElement):
        paths |= {"auth.element": settings.auth.element}
    known = list(calls)
    for place, path in paths.items():
        if not any(call.knows(path, of="input") for call in known):
            yield _problem(place, "an element that some operation takes")


def _question(call: Call, settings: Settings, asking: Asking) -> Iterator[Problem]:
    yield from _known(call, asking.element, "find.element")
    yield from _known(call, asking.key, "find.key")
    yield from _known(call, asking.reference, "find.reference")
    shown = settings.auth.element if isinstance(settings.auth, SoapElement) else ""
    if shown and not call.knows(shown, of="input"):
        yield _problem("auth.element", f"an element of {call.input}")
    for path in asking.arguments:
        if not call.knows(path, of="input"):
            yield _problem(f"find.arguments.{path}", f"an element of {call.input}")


def _known(call: Call, path: str | None, place: str) -> Iterator[Problem]:
    if path and not call.knows(path, of="output"):
        yield _problem(place, f"an element of {call.output or 'a one-way call'}")


def _unknown(place: str, name: str) -> Problem:
    return Problem(code="HUB-CFG-001", place=place, rule="an operation of the WSDL", detail=name)


def _problem(place: str, rule: str) -> Problem:
    return Problem(code="HUB-CFG-001", place=place, rule=rule)


def check_about(settings: Settings) -> None:
    """A signed reply must say which request it is about; otherwise an old one, caught and sent again, would do."""
    if not (settings.addressing or settings.key):
        raise refuse("HUB-CFG-001", "addressing", rule="addressing or key, where replies are signed")
    if settings.find and not (settings.addressing or settings.find.key):
        raise refuse("HUB-CFG-001", "find.key", rule="addressing or find.key, where replies are signed")
