"""Who may call, out of the partner files: credentials, clients and the certificates behind signed bearer tokens."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from connectors.desks import Payee
from hub.api.callers import Badges, Callers, Knows
from hub.api.claims import Claims
from hub.api.desk import Caller
from hub.api.failures import Failures
from hub.api.tokens import Client, Tokens
from hub.api.uses import Uses
from hub.intake.intake import Vouch, believed
from hub.partners.access import Way
from hub.wiring.parts import utc_now
from signing import bindings
from signing.jose.modi import Bearers
from signing.profiles import Identity, ModiProfile
from signing.trust.pins import load_pins

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from hub.api.origins import Network
    from hub.partners.declaration import Payee as Declared
    from hub.partners.partner import Partner
    from hub.partners.signatures import Proof
    from hub.store.contract.access import AccessStore
    from signing.contract import Signatory


class Doors(NamedTuple):
    callers: Callers
    tokens: Tokens
    uses: Uses
    claims: Claims


def doors(
    partners: Sequence[Partner],
    proxies: Sequence[Network],
    store: AccessStore,
    now: Callable[[], datetime] = utc_now,
    seconds: Callable[[], float] = time.monotonic,
    vouch: Vouch = believed,
) -> Doors:
    """Build what says who calls. Raises ``Refusal`` HUB-CRT-003 for a pin that cannot be read."""
    tokens = Tokens(clients(partners), store, now=now, seconds=seconds, randomness=os.urandom)
    uses = Uses()
    callers = Callers(
        knows(partners, proxies), tokens=tokens, failures=Failures(seconds), uses=uses, now=now, vouch=vouch
    )
    return Doors(callers, tokens, uses, Claims())


def knows(partners: Sequence[Partner], proxies: Sequence[Network]) -> Knows:
    return Knows(
        credentials=tuple(
            each for partner in partners for each in partner.credentials if each.way is not Way.SECRET
        ),
        badges=tuple(_badges(partners)),
        claims=frozenset(partner.id for partner in partners if partner.access.signature),
        proxies=tuple(proxies),
    )


def senders(partners: Sequence[Partner]) -> dict[str, Caller]:
    return {
        partner.id: Caller(
            id=partner.id,
            authority=sends.authority,
            header=sends.signature.carried_in.lower() if sends.signature else "",
            shows=_shows(sends.signature),
            wraps=sends.signature is not None and bindings.wraps(sends.signature.profile),
            text=sends.text,
            payees=tuple((payee.agency, payee.of, _payee(payee)) for payee in sends.payees),
        )
        for partner in partners
        if (sends := partner.sends)
    }


def clients(partners: Sequence[Partner]) -> Iterator[Client]:
    for partner in partners:
        for client in partner.access.clients:
            yield Client(
                id=client.id,
                partner=partner.id,
                secrets=partner.secrets(client),
                lifetime=client.lifetime,
            )


def _payee(declared: Declared) -> Payee:
    said = declared.model_dump(exclude={"agency", "of"}, exclude_none=True)
    return Payee(**said)


def _shows(proof: Proof | None) -> bool:
    return proof is not None and proof.identity is not Identity.NONE


def _badges(partners: Sequence[Partner]) -> Iterator[Badges]:
    for partner in partners:
        proof = partner.sends.signature if partner.sends else None
        if proof is None or not isinstance(proof.profile, ModiProfile) or not _shows(proof):
            continue
        pins = load_pins(proof.pins)
        bearers = Bearers(pins, proof.profile)

        def verify(authorization: str, now: datetime, bearers: Bearers = bearers) -> Signatory:
            return bearers.verify_identity(authorization, now).signer()

        yield Badges(partner.id, frozenset(name for pin in pins for name in pin.key_ids), verify)
