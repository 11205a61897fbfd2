"""Where two payloads of one format differ: by place, never by what stands there. Pure.

A place is a JSON pointer or a path of element names; a number in it is written ``*``, so that a thousand payloads tell one thing once.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal

from lxml import etree

from schemas.strict_json import parse_json, pointer_token
from schemas.strict_xml import parse_xml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NUMBER = re.compile(r"(?<=/)\d+(?=/|$)|(?<=\[)\d+(?=\])")


class Change(StrEnum):
    """What became of a place."""

    ADDED = "added"
    GONE = "gone"
    CHANGED = "changed"


def difference(before: bytes, after: bytes, media: Literal["json", "xml"]) -> frozenset[tuple[str, Change]]:
    """Return each place that differs, once. Raises ``Refusal`` for a payload that is none."""
    if before == after:
        return frozenset()
    old, new = leaves(before, media), leaves(after, media)
    return frozenset(
        (without_numbers(place), _change(place, old, new))
        for place in {*old, *new}
        if old.get(place) != new.get(place)
    )


def without_numbers(place: str) -> str:
    return _NUMBER.sub("*", place)


def _change(place: str, old: Mapping[str, str], new: Mapping[str, str]) -> Change:
    if place not in old:
        return Change.ADDED
    return Change.CHANGED if place in new else Change.GONE


def leaves(payload: bytes, media: Literal["json", "xml"]) -> dict[str, str]:
    """Return every place with a value of its own; empty lists, objects and elements are values."""
    return dict(_of_json(parse_json(payload), "") if media == "json" else _of_xml(parse_xml(payload), ""))


def _of_json(value: Any, place: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any JSON value
    if isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from _of_json(inner, f"{place}/{pointer_token(name)}")
    elif isinstance(value, list) and value:
        for number, inner in enumerate(value):
            yield from _of_json(inner, f"{place}/{number}")
    else:
        yield place, f"{type(value).__name__} {value!r}"


def _of_xml(element: etree._Element, place: str) -> Iterator[tuple[str, str]]:
    """Names without prefixes: which one a namespace has says nothing. The first of its name has no number, so that one more changes no other."""
    name = etree.QName(element)
    here = place or f"/{name.localname}"
    yield here, f"{name.namespace or ''} {(element.text or '').strip()}"
    yield from ((f"{here}/@{etree.QName(key).localname}", str(told)) for key, told in element.items())
    seen: dict[str, int] = {}
    for child in element.iterchildren(etree.Element):
        local = etree.QName(child).localname
        seen[local] = seen.get(local, 0) + 1
        number = f"[{seen[local]}]" if seen[local] > 1 else ""
        yield from _of_xml(child, f"{here}/{local}{number}")
