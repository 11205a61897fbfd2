"""The hub's published SOAP service (``schemas/wsdl/lienthong/1``) as a department's client speaks it: SOAP 1.1, document/literal wrapped.

A call is an operation's element with its children in the schema's order; an answer is its element with ``Response`` behind the name, or a Fault.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from lxml import etree

from connectors.simulators.calling import Ask

if TYPE_CHECKING:
    from collections.abc import Iterable

    from connectors.simulators.calling import Heard, Verdict

NS, SOAP = "urn:lienthong:hub:1", "http://schemas.xmlsoap.org/soap/envelope/"
PATH = "/v1"
SPACES: Final[Any] = {"s": SOAP, None: NS}
OK, FAULT = 200, 500
Words = tuple[str, "str | Iterable[Words]"]
"""An element's name, and its text or its children."""


def call(operation: str, children: Iterable[Words], secret: str) -> Ask:
    envelope = etree.Element(f"{{{SOAP}}}Envelope", nsmap=SPACES)
    body = etree.SubElement(envelope, f"{{{SOAP}}}Body")
    _write(body, (operation, children))
    headers = {
        "Content-Type": "text/xml; charset=utf-8",
        "SOAPAction": f'"{NS}/{operation}"',
        "Authorization": f"Bearer {secret}",
    }
    told = etree.tostring(envelope, xml_declaration=True, encoding="utf-8")
    return Ask(path=PATH, body=told, headers=headers)


def answer(heard: Heard) -> etree._Element | None:
    """Return what stands in the Body; ``None``: this is no SOAP."""
    try:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        root = etree.fromstring(heard.body, parser)
    except (etree.XMLSyntaxError, ValueError):
        return None
    return root.find(f"{{{SOAP}}}Body/*") if root.tag == f"{{{SOAP}}}Envelope" else None


def verdict(heard: Heard, operation: str = "") -> Verdict:
    """The operation's response, any where none is named, is a yes; a Fault that blames the client is a no; a Fault that does not, and anything else, is said again."""
    told = answer(heard)
    if heard.status == OK and told is not None and told.tag.endswith(f"{operation}Response"):
        return "taken"
    if heard.status == FAULT and told is not None and told.tag == f"{{{SOAP}}}Fault":
        return "refused" if (told.findtext("faultcode") or "").endswith("Client") else "unclear"
    return "refused" if OK * 2 <= heard.status < FAULT else "unclear"


def text(told: etree._Element, name: str) -> str:
    return told.findtext(f"{{{NS}}}{name}") or ""


def _write(parent: etree._Element, words: Words) -> None:
    name, inner = words
    made = etree.SubElement(parent, f"{{{NS}}}{name}")
    if isinstance(inner, str):
        made.text = inner
        return
    for each in inner:
        _write(made, each)
