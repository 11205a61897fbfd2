"""What is said at a mailbox, in both tongues: ``/v1/mailbox`` and the hub's SOAP service."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple, Protocol
from urllib.parse import quote

from connectors.simulators import soap_words
from connectors.simulators.calling import Ask

if TYPE_CHECKING:
    from connectors.simulators.calling import Heard, Verdict
    from connectors.simulators.soap_words import Words

BOX = "/v1/mailbox"
CODE, REASON = "KHONG-THUOC", "Không thuộc thẩm quyền"


class Letter(NamedTuple):
    transfer: str
    digest: str
    kind: str
    dossier: str


Page = tuple[list[Letter], str]
"""What lies there, and where the list goes on; empty: nowhere."""


class Tongue(Protocol):
    def pending(self, after: str) -> Ask: ...

    def page(self, heard: Heard) -> Page: ...

    def fetch(self, transfer: str) -> Ask: ...

    def content(self, heard: Heard) -> bytes: ...

    def settle(self, transfer: str, digest: str, *, refused: bool) -> Ask: ...

    def verdict(self, heard: Heard) -> Verdict: ...


def heard_as(heard: Heard) -> Verdict:
    """What the status of an answer over REST says."""
    if heard.status == HTTPStatus.OK:
        return "taken"
    return (
        "refused" if HTTPStatus.BAD_REQUEST <= heard.status < HTTPStatus.INTERNAL_SERVER_ERROR else "unclear"
    )


class RestTongue:
    def __init__(self, secret: str) -> None:
        self._headers = {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"}

    def pending(self, after: str) -> Ask:
        return self._ask("GET", f"?after={quote(after)}")

    def page(self, heard: Heard) -> Page:
        if heard.status != HTTPStatus.OK:
            return [], ""
        told = json.loads(heard.body)
        found = [
            Letter(each["transfer"], each["digest"], each["kind"], each["dossier"] or "")
            for each in told["letters"]
        ]
        return found, told["next"] or ""

    def fetch(self, transfer: str) -> Ask:
        return self._ask("GET", f"/{transfer}")

    def content(self, heard: Heard) -> bytes:
        return heard.body

    def settle(self, transfer: str, digest: str, *, refused: bool) -> Ask:
        told = {"digest": digest, **({"refused": {"code": CODE, "reason": REASON}} if refused else {})}
        return self._ask("POST", f"/{transfer}/acknowledgement", json.dumps(told).encode())

    def verdict(self, heard: Heard) -> Verdict:
        return heard_as(heard)

    def _ask(self, method: str, path: str, body: bytes = b"") -> Ask:
        return Ask(path=f"{BOX}{path}", body=body, method=method, headers=self._headers)


class SoapTongue:
    """``base``: where the desk is, below the hub's address."""

    def __init__(self, secret: str, base: str = "/soap") -> None:
        self._secret, self._base = secret, base

    def pending(self, after: str) -> Ask:
        return self._ask("FetchPending", [("After", after)] if after else [])

    def page(self, heard: Heard) -> Page:
        told = soap_words.answer(heard)
        if told is None or self.verdict(heard) != "taken":
            return [], ""
        found = [
            Letter(*(soap_words.text(each, name) for name in ("Transfer", "Digest", "Kind", "Dossier")))
            for each in told.iterfind(f"{{{soap_words.NS}}}Letter")
        ]
        return found, soap_words.text(told, "Next")

    def fetch(self, transfer: str) -> Ask:
        return self._ask("GetMessage", [("Transfer", transfer)])

    def content(self, heard: Heard) -> bytes:
        told = soap_words.answer(heard)
        try:
            return b64decode("" if told is None else soap_words.text(told, "Payload"))
        except binascii.Error:
            return b""

    def settle(self, transfer: str, digest: str, *, refused: bool) -> Ask:
        told: list[Words] = [("Transfer", transfer), ("Digest", digest)]
        if refused:
            told.append(("Refused", [("Text", REASON), ("Code", CODE)]))
        return self._ask("Acknowledge", told)

    def verdict(self, heard: Heard) -> Verdict:
        return soap_words.verdict(heard)

    def _ask(self, operation: str, children: list[Words]) -> Ask:
        ask = soap_words.call(operation, children, self._secret)
        return Ask(path=self._base + ask.path, body=ask.body, headers=ask.headers)
