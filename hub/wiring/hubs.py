"""Other hubs: who they are, who signs for this one, and what each process needs for its side of a line."""

from __future__ import annotations

import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from cryptography import x509

from connectors.edge.calling import Client
from connectors.edge.settings import Settings as EdgeRoom
from connectors.transport import Http
from hub.edges.below import Below
from hub.edges.exchanging import Exchanging
from hub.edges.papers import Papers
from hub.edges.peers import ALONE, Peer, Peers
from hub.edges.pinning import NOBODY
from hub.edges.receiving import Receiving
from hub.edges.relaying import Place, Relaying
from hub.edges.returning import Returning
from hub.edges.sending import Sending
from hub.edges.stamping import Stamping
from hub.intake.placing import APART
from hub.rounds.rounds import beside
from hub.rounds.syncing import Syncing
from hub.story import tellings
from hub.story.words import spread
from hub.wiring.documents import unscanned
from hub.wiring.edges import replicating
from hub.wiring.own_keys import PROFILE, own
from hub.wiring.parts import new_ids, utc_now
from hub.wiring.renewal import can_renew, renewing
from schemas import errors
from signing.jose.detached import DetachedVerifier
from signing.trust.pins import Pins, load_pins, pin

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from connectors.contract import Codec
    from hub.delivery.delivery import Sealery
    from hub.edges.peers import Verify
    from hub.edges.pinning import Pinning
    from hub.edges.receiving import Take
    from hub.metrics.counts import Counts
    from hub.partners.partner import Partner
    from hub.receipts.receipts import Confirm
    from hub.store.contract.edges import Told
    from hub.store.contract.store import Store
    from hub.wiring.declared import Declared


def peers(what: Declared, barred: Callable[[], frozenset[str]], pinning: Pinning = NOBODY) -> Peers:
    """Return the hubs that partner files declare. Raises ``Refusal`` HUB-CFG-002 where this hub has no key to sign with."""
    found = {
        one.id: _peer(one, one.settings, pinning)
        for one in what.partners
        if isinstance(one.settings, EdgeRoom)
    }
    if not found:
        return ALONE._replace(us=what.settings.hub.code)
    sign, verify = own(what.settings, barred)
    return Peers(what.settings.hub.code, sign, verify, found)


def _peer(partner: Partner, told: EdgeRoom, pinning: Pinning) -> Peer:
    proof = partner.sends.signature if partner.sends else None
    if proof is None:  # partner files are read against the same rule
        raise TypeError(partner.id)
    named = load_pins(proof.pins)

    def make(issued: Sequence[bytes]) -> Verify:
        pins = Pins([*named, *(pin(x509.load_pem_x509_certificate(one)) for one in issued)])
        return DetachedVerifier(pins, PROFILE).verify

    verify = pinning.verifier(partner.id, make)
    serves = tuple(dict.fromkeys((partner.agency, *partner.party.serves)))
    return Peer(partner.id, told.code or partner.agency, told.parent, verify, serves)


def exchanging(
    store: Store,
    known: Peers,
    take: Take,
    *,
    codec_of: Callable[[str], Codec | None],
    confirm: Confirm,
    counts: Counts,
) -> Exchanging:
    sending = Sending(store, hub=known.us, sign=known.sign, now=utc_now, codec_of=codec_of, confirm=confirm)
    above = known.above
    receiving = Receiving(
        store,
        take,
        now=utc_now,
        new_id=new_ids(),
        catalogue=errors.load(),
        counts=counts,
        stamping=Stamping(store.edges, known),
        may_begin=frozenset({above.partner} if above else ()),
    )
    return Exchanging(store, known, sending, receiving, utc_now)


def returning(store: Store, known: Peers, take: Take, what: Declared) -> Returning:
    senders = {one.id: one for one in what.partners if one.sends and not one.party.hub}
    return Returning(
        store, known, take, senders=senders, now=utc_now, new_id=new_ids(), catalogue=errors.load()
    )


def below(store: Store, what: Declared, exchanges: Exchanging, take: Take) -> Below:
    return Below(
        store, exchanges, returning(store, exchanges.peers, take, what), papers(store, what), utc_now
    )


def papers(store: Store, what: Declared) -> Papers:
    return Papers(
        store.documents, unscanned=unscanned(what), limit=what.settings.limits.document, now=utc_now
    )


def relaying(inner: Sealery, store: Store, what: Declared, speak: Mapping[str, Codec]) -> Sealery:
    """Put where a message stands in its dossier before what seals it for another hub; nothing where there is none."""
    hubs = {one.id: speak[one.id] for one in what.partners if one.party.hub and one.id in speak}
    if not hubs:
        return inner
    authorities = {one.id: one.sends.authority for one in what.partners if one.sends}

    async def place(told: Told) -> Place:
        kept = await store.said.telling(told.dossier, told.id) if told.dossier else None
        if kept is None:
            return Place(no=1, words={APART: True})
        telling = tellings.from_json(kept)
        return Place(no=telling.stamp.no, seen=telling.stamp.seen, words=spread(telling.words))

    return Relaying(inner, store, hub=what.settings.hub.code, hubs=hubs, authorities=authorities, place=place)


@asynccontextmanager
async def synced(
    store: Store, what: Declared, exchanges: Exchanging, take: Take, holder: str
) -> AsyncIterator[Syncing | None]:
    """Keep the line to the hub above while the context lasts, where there is one."""
    async with line(store, what, exchanges, take, holder) as syncing:
        if syncing is None:
            yield None
            return
        async with beside(syncing.run()):
            yield syncing
        await syncing.end()


@asynccontextmanager
async def line(
    store: Store, what: Declared, exchanges: Exchanging, take: Take, holder: str
) -> AsyncIterator[Syncing | None]:
    """Open the line to the hub above, where there is one; whoever has it says when a round begins."""
    above = exchanges.peers.above
    if above is None:
        yield None
        return
    sign = exchanges.peers.sign
    replicates = replicating(store, what, above)
    renews = (renewing(what.settings, sign, above),) if can_renew(what.settings) else ()
    async with calling(what, exchanges.peers, above) as (client, told):
        yield Syncing(
            store,
            above,
            client,
            exchanges,
            returning(store, exchanges.peers, take, what),
            now=utc_now,
            holder=holder,
            uniform=random.SystemRandom().uniform,
            wait=told.wait,
            pause=told.pause,
            papers=papers(store, what),
            hooks=(replicates, *renews),
        )


@asynccontextmanager
async def calling(what: Declared, known: Peers, above: Peer) -> AsyncIterator[tuple[Client, EdgeRoom]]:
    """Call the hub above, while the context lasts."""
    told = next(one.settings for one in what.partners if one.id == above.partner)
    reach = told.reach if isinstance(told, EdgeRoom) else None
    if not isinstance(told, EdgeRoom) or reach is None:
        raise TypeError(above.partner)
    client = Client(Http(reach, clock=utc_now), us=known.us, them=above.code, sign=known.sign, now=utc_now)
    try:
        yield client, told
    finally:
        await client.close()
