"""Headers that say who calls, or what it is: one value, or none at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.problems import refuse

if TYPE_CHECKING:
    from starlette.requests import Request


def only_one(request: Request, header: str) -> None:
    """Raises ``Refusal`` HUB-IDM-004: of two values that say who or what it is, nobody can tell which one counts."""
    name = header.lower().encode()
    if sum(given == name for given, _ in request.scope["headers"]) > 1:
        raise refuse("HUB-IDM-004", header, rule="once")
