"""Who calls? One door for every address that is not open to all.

In this order, and the first that is said counts, whatever else is: ``Authorization: Bearer`` with an API key, with an access
token of our own, or with a JWS that the partner signed (ModI's ID_AUTH_REST); then the client certificate that a proxy of ours
passes on; then, where a message comes in, the mere claim ``?sender=<partner>``, which the message's signature must prove.

What is said is hashed and looked up by its hash, so that what it costs says nothing about what is known here. Failed logins are
counted by address (``hub.api.failures``); secrets and tokens are in no log.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec
import structlog

from hub.api.heads import only_one
from hub.api.origins import CERTIFICATE, Network, address_of, certificate_of
from hub.intake.intake import Vouch, believed
from hub.partners.access import Identity, Way, label_of
from schemas.problems import Refusal, refuse
from signing.jose import compact

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from starlette.requests import Request

    from connectors.desks import Shown
    from hub.api.failures import Failures
    from hub.api.tokens import Tokens
    from hub.api.uses import Uses
    from hub.partners.access import Credential
    from signing.contract import Signatory

log = structlog.get_logger(__name__)

CLAIM = "sender"
BEARER = "bearer"
NO_GUESS = frozenset({"HUB-AUT-001", "HUB-CRT-005"})
"""Refusals that are no failed login: nothing was said, or nobody can say now."""
_DOTS = 2
"""In a compact JWS (RFC 7515 §7.1)."""


class Badges:
    """The JWSs of one partner that say who calls. ``names``: by which a token may mean one of its pins."""

    def __init__(
        self, partner: str, names: frozenset[str], verify: Callable[[str, datetime], Signatory]
    ) -> None:
        """``verify``: a whole ``Authorization`` value; raises ``Refusal`` HUB-SIG-* or HUB-CRT-*."""
        self.partner, self.names, self.verify = partner, names, verify


class Knows(msgspec.Struct, frozen=True, kw_only=True):
    """What the declared partners may identify themselves with. ``claims``: whom a message's signature alone may prove."""

    credentials: tuple[Credential, ...] = ()
    badges: tuple[Badges, ...] = ()
    claims: frozenset[str] = frozenset()
    proxies: tuple[Network, ...] = ()


class Callers:
    """One per web process; one event loop."""

    def __init__(
        self,
        knows: Knows,
        *,
        tokens: Tokens,
        failures: Failures,
        uses: Uses,
        now: Callable[[], datetime],
        vouch: Vouch = believed,
    ) -> None:
        """``vouch``: whether the signer of a bearer token may be believed now."""
        self._keys = _by_digest(knows.credentials, Way.API_KEY)
        self._certificates = _by_digest(knows.credentials, Way.CERTIFICATE)
        self._badges = _by_name(knows.badges)
        self._claims, self._proxies = knows.claims, knows.proxies
        self._tokens, self._failures, self._uses = tokens, failures, uses
        self._now, self._vouch = now, vouch

    async def identify(self, request: Request, *, claims: bool = False) -> Identity:
        """Return who calls. ``claims``: what comes carries a signature that will be verified.

        Raises ``Refusal``: HUB-AUT-001 nothing said, -002 unknown, -013 token ended, -014 key not in force, -015 certificate
        unknown; HUB-SIG-*, HUB-CRT-* for a JWS; HUB-IDM-004; ``Later`` HUB-AUT-012 after too many failures.
        """
        for header in ("Authorization", CERTIFICATE):
            only_one(request, header)
        return await self._let_in(self.address(request), self._find(request, claims=claims))

    async def recognise(self, request: Request, shown: Shown) -> Identity:
        """Return who calls, by what a drop-in desk found in the call. Raises as ``identify``."""
        return await self._let_in(self.address(request), self._shown(shown))

    async def _let_in(self, address: str, finding: Awaitable[Identity]) -> Identity:
        try:
            found = await finding
        except Refusal as refusal:
            if refusal.code not in NO_GUESS:
                self.failed(address, refusal.code)
            raise
        if found.proved:
            self.came(address, found)
        return found

    def came(self, address: str, who: Identity) -> None:
        """Let somebody in who proved who it is. Raises ``Later`` HUB-AUT-012."""
        self._failures.passed(address, who.partner, who.label)
        self._uses.note(who, self._now())

    def noted(self, who: Identity) -> None:
        """Count that somebody came in by another door."""
        self._uses.note(who, self._now())

    def failed(self, address: str, code: str) -> None:
        """Count a failed login. Raises ``Later`` HUB-AUT-012."""
        log.info("login_failed", code=code, address=address)
        self._failures.failed(address)

    def check(self, address: str) -> None:
        """Raises ``Later`` HUB-AUT-012: too much was guessed from there."""
        self._failures.check(address)

    def address(self, request: Request) -> str:
        return address_of(_peer(request), request.headers, self._proxies)

    async def _find(self, request: Request, *, claims: bool) -> Identity:
        authorization = request.headers.get("authorization", "")
        if authorization:
            return await self._bearer(authorization)
        certificate = certificate_of(_peer(request), request.headers, self._proxies)
        if certificate:
            known = self._certificates.get(certificate)
            if known is None:
                raise refuse("HUB-AUT-015", "Client-Cert")
            return self._of(known)
        claimed = request.query_params.get(CLAIM, "") if claims and request.url.query else ""
        if claimed:
            if claimed not in self._claims:
                raise refuse("HUB-AUT-002", CLAIM)
            return Identity(partner=claimed, way=Way.CLAIMED)
        raise refuse("HUB-AUT-001", "Authorization", rule="Bearer <API key>")

    async def _bearer(self, authorization: str) -> Identity:
        scheme, _, said = authorization.partition(" ")
        said = said.strip()
        if scheme.lower() != BEARER or not said:
            raise refuse("HUB-AUT-001", "Authorization", rule="Bearer <API key>")
        found = await self._by_secret(said, "Authorization")
        if found is not None:
            return found
        if self._badges and said.count(".") == _DOTS:
            return self._badge(authorization, said)
        raise refuse("HUB-AUT-002", "Authorization")

    async def _shown(self, shown: Shown) -> Identity:
        if not shown.secret:
            raise refuse("HUB-AUT-001", shown.place, rule="required")
        found = await self._by_secret(shown.secret, shown.place)
        if found is None:
            raise refuse("HUB-AUT-002", shown.place)
        return found

    async def _by_secret(self, said: str, place: str) -> Identity | None:
        """Find whose API key or token it is."""
        digest = hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest()
        known = self._keys.get(digest)
        if known is not None:
            return self._of(known, place)
        return await self._tokens.find(digest, place) if self._tokens.made(said) else None

    def _of(self, known: Credential, place: str = "Authorization") -> Identity:
        if not known.counts(self._now()):
            raise refuse("HUB-AUT-014", place, rule=f"{_day(known.starts)} … {_day(known.ends)}")
        return Identity(
            partner=known.partner, way=known.way, label=known.label, receipts_only=known.receipts_only
        )

    def _badge(self, authorization: str, token: str) -> Identity:
        """Find whose JWS it says it is, and believe it when it is. A file's name may mean several partners' certificates."""
        named = next((self._badges[name] for name in hints(token) if name in self._badges), ())
        refused = refuse("HUB-AUT-002", "Authorization")
        for known in named:
            try:
                signer = known.verify(authorization, self._now())
            except Refusal as refusal:
                refused = refusal
                continue
            self._vouch(known.partner, signer.fingerprint, self._now(), None)
            label = label_of("", signer.fingerprint)
            return Identity(partner=known.partner, way=Way.BEARER_JWS, label=label)
        raise refused


MOST_HEADER = 16 * 1024


def hints(token: str) -> Sequence[str]:
    """Return by which names a JWS says whose it is; nothing of it is believed for that. None when it cannot be read."""
    try:
        header = compact.members(compact.decode(token[:MOST_HEADER].partition(".")[0]), "header")
        brought = [compact.leaf(header["x5c"])] if "x5c" in header else []
    except Refusal:
        return ()
    named = [said for name in ("x5t#S256", "kid") if isinstance(said := header.get(name), str)]
    return [*named, *brought]


def _by_name(badges: Iterable[Badges]) -> Mapping[str, Sequence[Badges]]:
    found: dict[str, list[Badges]] = {}
    for each in badges:
        for name in each.names:
            found.setdefault(name, []).append(each)
    return found


def _by_digest(credentials: Iterable[Credential], way: Way) -> Mapping[str, Credential]:
    return {each.digest: each for each in credentials if each.way is way}


def _peer(request: Request) -> str:
    return request.client.host if request.client else ""


def _day(moment: datetime | None) -> str:
    return "" if moment is None else moment.date().isoformat()
