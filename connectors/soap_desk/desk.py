"""The desk of the hub's own SOAP service: document/literal wrapped, SOAP 1.1, by WS-I Basic Profile 1.1, with MTOM.

It is a skin: what it reads is performed as at ``/v1/messages``, ``/v1/mailbox`` and their likes. Which door a call goes through
is told by ``SOAPAction`` before its body is read, and held against the body afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

from connectors.desks import Errand, Page, Refused, Reply, Stands
from connectors.soap_desk import reading, writing
from connectors.soap_desk.names import ADDRESS, Operation, paper
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.desks import Call, Result, Shown, Wish

ERRANDS = {
    each: Errand.SAY if each in {Operation.SUBMIT, Operation.RESULT} else Errand.SMALL for each in Operation
}
"""Which door each operation goes through."""
WRITTEN_ADDRESS, WRITTEN_SCHEMA = b'"http://127.0.0.1:8080/soap/v1"', b'"lienthong.xsd"'
"""As they stand in the file."""


class Desk:
    """``connectors.desks.Desk`` for this service."""

    stands = Stands.HEAD

    def errand(self, method: str, path: str, headers: Mapping[str, str]) -> Errand | None:
        if path != ADDRESS:
            return None
        if method == "GET":
            return Errand.OPEN
        if method != "POST":
            raise refuse("HUB-INT-004")
        return ERRANDS[reading.operation(headers)]

    def login(self, call: Call) -> None:
        del call

    def shows(self, call: Call) -> Shown:
        raise refuse("HUB-AUT-001", call.path, rule="Authorization")

    def read(self, call: Call) -> Wish:
        return _page(call) if call.method == "GET" else reading.wish(call)

    def write(self, result: Result) -> Reply:
        """Write a refusal; every other answer is its operation's."""
        if not isinstance(result, Refused):
            raise TypeError(type(result).__name__)
        return writing.fault(result)


def _page(call: Call) -> Page:
    """The contract, with the addresses that it has here."""
    wanted = call.query.partition("=")[0].lower()
    if wanted not in {"", "wsdl", "xsd"}:
        raise refuse("HUB-INT-003")
    if wanted == "xsd":
        return Page(reply=Reply(body=paper(".xsd"), media_type=writing.MEDIA))
    address = f"{call.address}{ADDRESS}"
    told = paper(".wsdl").replace(WRITTEN_ADDRESS, quoteattr(address).encode())
    told = told.replace(WRITTEN_SCHEMA, quoteattr(f"{address}?xsd").encode())
    return Page(reply=Reply(body=told, media_type=writing.MEDIA))
