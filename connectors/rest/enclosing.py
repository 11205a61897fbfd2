"""Files inside a JSON payload: what the mapping wrote as a SHA-256 becomes the file itself, in base64. Pure."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import msgspec

from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


def enclosed(payload: bytes, places: Iterable[str], contents: Mapping[str, bytes]) -> bytes:
    """Put the files in. Raises ``Refusal`` HUB-MAP-004 for one that is not here: an address leads to nothing for such a partner."""
    document = msgspec.json.decode(payload)
    for place in places:
        for holder, name, where in _found(document, _steps(place), ""):
            content = contents.get(holder[name])
            if content is None:
                raise refuse("HUB-MAP-004", where, rule="the content of each file")
            holder[name] = b64encode(content).decode()
    return msgspec.json.encode(document)


def _steps(place: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in place.split("/")[1:]]


def _found(node: Any, steps: list[str], place: str) -> Iterator[tuple[dict[str, Any], str, str]]:  # noqa: ANN401 - any JSON
    """Every text that stands there: what holds it, under which name, and where."""
    step, rest = steps[0], steps[1:]
    if step == "*" and isinstance(node, list):
        for number, each in enumerate(node):
            yield from _found(each, rest, f"{place}/{number}")
    elif isinstance(node, dict) and step in node:
        if rest:
            yield from _found(node[step], rest, f"{place}/{step}")
        elif isinstance(node[step], str):
            yield node, step, f"{place}/{step}"
