"""Files inside a SOAP payload: what the mapping wrote as a SHA-256 becomes the file itself, as ``xs:base64Binary``. Pure.

Written back in the canonical form that mappings write, so that what is sealed and signed is what travels.
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING

from lxml import etree

from schemas.problems import refuse
from schemas.strict_xml import element_path, parse_xml

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


def enclosed(payload: bytes, places: Iterable[str], contents: Mapping[str, bytes]) -> bytes:
    """Put the files in. Raises ``Refusal`` HUB-MAP-004 for one that is not here: an address leads to nothing for such a partner."""
    document = parse_xml(payload)
    for place in places:
        for node in _found(document, place.split(".")):
            digest = (node.text or "").strip()
            if not digest:
                continue
            content = contents.get(digest)
            if content is None:
                raise refuse("HUB-MAP-004", element_path(node), rule="the content of each file")
            node.text = b64encode(content).decode()
    return etree.tostring(document, method="c14n", exclusive=True)


def _found(node: etree._Element, steps: list[str]) -> Iterator[etree._Element]:
    """Every element at a path of local names."""
    step, *rest = steps
    for child in node.iterchildren(f"{{*}}{step}"):
        if rest:
            yield from _found(child, rest)
        else:
            yield child
