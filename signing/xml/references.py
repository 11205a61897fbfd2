"""What a signature points at: elements, found by identity among those that may be signed, never by a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.problems import refuse
from signing.xml.gate import ids
from signing.xml.writing import PLAIN_ID

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lxml import etree

    from signing.xml.shape import Referenced


def points_at(uri: str, element: etree._Element) -> bool:
    """Tell whether a reference by id means this very element. The gate has seen that no other element has that id."""
    return uri[:1] == "#" and PLAIN_ID.fullmatch(uri[1:]) is not None and uri[1:] in ids(element)


def resolve(references: Iterable[Referenced], allowed: Sequence[etree._Element]) -> list[etree._Element]:
    """Return each reference's element, in their order. Raises HUB-SIG-008 for one that may not be signed, HUB-SIG-007 for
    one that is referenced twice.
    """
    found: list[etree._Element] = []
    for reference in references:
        meant = [element for element in allowed if points_at(reference.uri, element)]
        if len(meant) != 1:
            raise refuse("HUB-SIG-008", "Reference", rule="a reference to a part that this profile knows")
        if any(meant[0] is other for other in found):
            raise refuse("HUB-SIG-007", "Reference", rule="every part is referenced once")
        found.extend(meant)
    return found


def require(found: Sequence[etree._Element], required: Iterable[etree._Element]) -> None:
    """Raises HUB-SIG-006 naming a required element that no reference covers."""
    for element in required:
        if not any(element is one for one in found):
            place = str(element.tag).rpartition("}")[2]
            raise refuse("HUB-SIG-006", place, rule="every part that this profile demands is signed")
