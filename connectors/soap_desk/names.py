"""Names of the service's contract, and the contract itself."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from typing import Any, Final

from schemas.library import Library
from schemas.validation import XmlSchema

NS: Final = "urn:lienthong:hub:1"
SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
XOP: Final = "http://www.w3.org/2004/08/xop/include"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
WSSE: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
PLAIN: Final[Any] = {None: NS}
"""Elements of the contract are written without prefixes."""
ADDRESS: Final = "/v1"
"""Where the service is, below the desk."""


class Operation(StrEnum):
    SUBMIT = "SubmitMessage"
    RESULT = "SendResult"
    STATUS = "AskStatus"
    PENDING = "FetchPending"
    GET = "GetMessage"
    ACKNOWLEDGE = "Acknowledge"


ACTIONS: Final = {f"{NS}/{each}": each for each in Operation}
"""Operation by its SOAPAction."""


def tag(name: str) -> str:
    return f"{{{NS}}}{name}"


@cache
def paper(suffix: str) -> bytes:
    """Return the contract as it is shipped, ``.wsdl`` or ``.xsd``."""
    return Library().find("wsdl", "lienthong", "1").with_suffix(suffix).read_bytes()


@cache
def contract() -> XmlSchema:
    """Return the compiled schema; read and compiled once in a process that serves."""
    found = Library().schema("xsd:lienthong@1")
    if not isinstance(found, XmlSchema):
        raise TypeError(found.ref)
    return found
