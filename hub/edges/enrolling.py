"""Letting a hub below in: an invitation is proved over a certificate request, and a certificate is given for it.

The key of the hub below never leaves it; the code never travels. What is answered is signed by the hub above, whose certificate's
fingerprint stands in the code: so whoever enrols knows whom it talks to, whatever stands between.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable  # noqa: TC003
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import msgspec

from hub.edges import inviting
from hub.store.contract.enrolments import Enrolled, Invitation
from schemas.problems import refuse
from signing.keys import authority

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.edges.inviting import Code
    from hub.store.contract.enrolments import Enrolments
    from signing.keys.authority import Asked, Issued

NO_INVITATION = "HUB-EDG-060"
NOT_HERE = "HUB-EDG-064"
LIFE = timedelta(days=730)
MOST = 32 << 10


class Application(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a hub below asks. ``invitation``: what its code is called; ``proof``: HMAC-SHA-256 over ``csr`` by the code's key, hex."""

    v: int
    invitation: str
    proof: str
    csr: str
    software: str = ""


class Welcome(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What it is given. ``hub``: what the hub above calls itself, ``above`` its certificate; ``code``: what the hub below is called;
    ``csr``: SHA-256 of the request that this answers, hex. Certificates are PEM.
    """

    v: int
    csr: str
    certificate: str
    authority: str
    hub: str
    above: str
    code: str
    partner: str
    name: dict[str, str]
    serves: tuple[str, ...]
    made_at: datetime


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an enrolled hub asks for a further key; signed by the key that it has."""

    v: int
    csr: str
    software: str = ""


class Renewed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What it is given. ``csr``: SHA-256 of the request that this answers, hex; ``certificate``: PEM."""

    v: int
    csr: str
    certificate: str
    made_at: datetime


Told = TypeVar("Told", Application, Request)


class Place(NamedTuple):
    """A partner that may be enrolled: what it is called among hubs, what it serves, its name in both languages."""

    code: str
    serves: tuple[str, ...]
    name: Mapping[str, str]


class Office(NamedTuple):
    """Who lets in. ``above``: this hub's own certificate, PEM; ``authority``: key and certificate, PEM, read when they are needed."""

    hub: str
    above: bytes
    sign: Callable[[bytes, datetime], str]
    authority: Callable[[], tuple[bytes, bytes]]
    places: Mapping[str, Place]


class Enrolling:
    def __init__(self, store: Enrolments, office: Office, now: Callable[[], datetime]) -> None:
        self._store, self._office, self._now = store, office, now

    async def invite(
        self, partner: str, life: timedelta, randomness: Callable[[int], bytes], by: str
    ) -> tuple[Code, Invitation]:
        """Raises ``Refusal`` HUB-EDG-064: no hub below of that name is declared, or there is no authority to certify it."""
        if partner not in self._office.places:
            known = ", ".join(sorted(self._office.places))
            raise refuse(NOT_HERE, partner, rule='a partner with room = "edge" below this hub', detail=known)
        self._office.authority()
        code = inviting.new_code(randomness, authority.fingerprint(self._office.above))
        now = self._now()
        made = Invitation(
            id=code.name, partner=partner, key=code.key, made_at=now, made_by=by, ends_at=now + life
        )
        await self._store.invite(made)
        return code, made

    async def enrol(self, raw: bytes) -> tuple[bytes, str]:
        """Return the answer and its signature. Raises ``Refusal`` HUB-EDG-060, -061, -062, -064."""
        told = _read(raw, Application, "v, invitation, proof and csr in JSON")
        now, csr = self._now(), told.csr.encode()
        invited = await self._store.invitation(told.invitation)
        if invited is None or not inviting.is_proved(invited.key, csr, told.proof):
            raise refuse(NO_INVITATION, "invitation", rule="a code of this hub")
        place = self._office.places.get(invited.partner)
        if place is None:
            raise refuse(NOT_HERE, invited.partner, rule='a partner with room = "edge" below this hub')
        asked = authority.read_request(csr)
        keys = self._office.authority()
        issued = authority.issue(asked, place.code, keys, now, LIFE)
        await self._store.enrol(
            invited.id,
            _enrolled(invited.partner, asked, issued, now),
            now,
        )
        welcome = Welcome(
            v=1,
            csr=digest(csr),
            certificate=issued.pem.decode(),
            authority=keys[1].decode(),
            hub=self._office.hub,
            above=self._office.above.decode(),
            code=place.code,
            partner=invited.partner,
            name=dict(place.name),
            serves=place.serves,
            made_at=now,
        )
        body = msgspec.json.encode(welcome)
        return body, self._office.sign(body, now)

    async def renew(self, partner: str, raw: bytes, by: str) -> tuple[bytes, str]:
        """Certify a further key of a hub below; asked again for the same key, the answer is the same certificate. ``by``: fingerprint of the
        certificate that signed ``raw``. Raises ``Refusal`` HUB-EDG-061, -062, -064.
        """
        told = _read(raw, Request, "v and csr in JSON")
        now, csr = self._now(), told.csr.encode()
        place = self._office.places.get(partner)
        if place is None:
            raise refuse(NOT_HERE, partner, rule='a partner with room = "edge" below this hub')
        asked = authority.read_request(csr)
        issued = await self._store.certificates(partner)
        found = next((one for one in issued if one.key == asked.key and one.until is None), None)
        if found is None:
            made = authority.issue(asked, place.code, self._office.authority(), now, LIFE)
            found = _enrolled(partner, asked, made, now)
            await self._store.renew(found, by, now)
        body = msgspec.json.encode(Renewed(v=1, csr=digest(csr), certificate=found.pem, made_at=now))
        return body, self._office.sign(body, now)


def _enrolled(partner: str, asked: Asked, issued: Issued, now: datetime) -> Enrolled:
    return Enrolled(
        fingerprint=issued.fingerprint,
        partner=partner,
        key=asked.key,
        serial=issued.serial,
        pem=issued.pem.decode(),
        issued_at=now,
        ends_at=issued.ends,
    )


def apply(code: Code, key: bytes, name: str, software: str) -> tuple[bytes, str]:
    """Write what a hub below asks; return it with the digest of its request, which the answer must name."""
    csr = authority.request(key, name)
    told = Application(
        v=1,
        invitation=code.name,
        proof=inviting.proof(code.key, csr),
        csr=csr.decode(),
        software=software,
    )
    return msgspec.json.encode(told), digest(csr)


def welcomed(
    raw: bytes,
    signature: str,
    code: Code,
    csr: str,
    verify: Callable[[bytes, bytes, str], object],
) -> Welcome:
    """Read the answer: it is the inviting hub's, and to this request. ``verify``: certificate, bytes, signature.

    Raises ``Refusal`` HUB-EDG-063, HUB-SIG-*.
    """
    try:
        told = msgspec.json.decode(raw, type=Welcome)
        above = authority.fingerprint(told.above.encode())
    except (msgspec.MsgspecError, ValueError):
        raise refuse("HUB-EDG-063", "answer", rule="the answer of a hub") from None
    if inviting.shown(above) != code.fingerprint or told.csr != csr:
        raise refuse("HUB-EDG-063", "answer", rule="the hub whose certificate the code names")
    verify(told.above.encode(), raw, signature)
    return told


def digest(csr: bytes) -> str:
    return hashlib.sha256(csr).hexdigest()


def _read(raw: bytes, kind: type[Told], rule: str) -> Told:
    try:
        told = msgspec.json.decode(raw, type=kind)
    except msgspec.MsgspecError:
        raise refuse("HUB-EDG-061", "body", rule=rule) from None
    if told.v != 1:
        raise refuse("HUB-EDG-001", "v", rule="version 1")
    return told
