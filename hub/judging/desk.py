"""Sets up the desk at which messages are judged: from partner files and registries to verifiers, readers and codecs.

Runs once in every process of the judging pool, because compiled mappings and verifiers do not cross process borders.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from connectors.contract import Particular
from hub.judging.contract import Desk, Recipient, Sender
from hub.judging.places import places
from hub.signatories.reading import NOBODY, Known
from signing import bindings
from signing.timestamps import Anchors  # noqa: TC001 - msgspec reads the annotations at run time
from signing.trust.pins import PinFile, load_pins

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from connectors.contract import Codec
    from hub.partners.declaration import Sends
    from hub.partners.partner import Partner
    from hub.partners.signatures import Proof
    from schemas.agencies import Agencies
    from schemas.mapping import Mapping as Format
    from schemas.procedures import Procedures
    from signing.contract import Verifier

MEDIA_TYPES = {
    "json": frozenset({"application/json"}),
    "xml": frozenset({"application/xml", "text/xml"}),
}
SOAP = frozenset({"application/soap+xml"})
"""What else a message may call itself when it comes in a SOAP envelope (RFC 3902)."""


class Believed(msgspec.Struct, frozen=True, kw_only=True):
    """Who is believed beside the partners' pins: signatories by what they may sign, authorities about time."""

    signatories: Known = NOBODY
    anchors: Anchors | None = None


NOT_MORE = Believed()


def set_up(
    partners: Sequence[Partner],
    *,
    formats: Mapping[str, Format],
    codecs: Mapping[str, Codec],
    agencies: Agencies,
    procedures: Procedures,
    limit: int,
    believes: Believed = NOT_MORE,
) -> Desk:
    """Build the desk. ``formats`` by ``id@version``; ``codecs`` by partner. Raises ``Refusal`` HUB-CRT-* for a bad pin."""
    return Desk(
        senders={
            partner.id: _sender(
                partner,
                partner.sends,
                formats[partner.sends.format],
                believes.signatories.certificates(partner.agency, agencies),
                believes.anchors,
            )
            for partner in partners
            if partner.sends
        },
        recipients=tuple(
            Recipient(
                partner=partner.id,
                kinds=frozenset(str(kind) for kind in partner.receives.kinds),
                codec=codecs[partner.id],
                says=_says(partner.room, partner.receives.mapping, codecs[partner.id]),
            )
            for partner in partners
            if partner.receives
        ),
        agencies=agencies,
        procedures=procedures,
        limit=limit,
        authority=believes.signatories.authority,
    )


def _says(room: str, mapping: str, codec: Codec) -> str:
    particulars = codec.particulars if isinstance(codec, Particular) else ""
    return f"{room} {mapping} {particulars}"


def _sender(
    partner: Partner, sends: Sends, read: Format, officers: Sequence[Path], anchors: Anchors | None
) -> Sender:
    table = getattr(read, "table", None)
    return Sender(
        id=partner.id,
        agency=partner.agency,
        kinds=frozenset(str(kind) for kind in sends.kinds),
        codes=sends.codes,
        authority=sends.authority,
        format=sends.format,
        media=read.media,
        media_types=MEDIA_TYPES[read.media]
        | (SOAP if sends.signature and sends.signature.in_soap else frozenset()),
        reader=read,
        places={} if table is None or table.canonical else places(table),
        verifier=_verifier(sends.signature, officers, anchors),
        seals=frozenset(pin.fingerprint for pin in load_pins(sends.signature.pins))
        if sends.signature
        else frozenset(),
        authority_kinds=frozenset(map(str, sends.signature.authority)) if sends.signature else frozenset(),
        procedures=frozenset(sends.procedures),
        settles_duty=sends.settles_duty,
        text=sends.text,
        hub=partner.party.hub,
        serves=partner.party.serves,
        own_key=table is not None and not table.canonical,
        hosts=frozenset(sends.sources.hosts) if sends.sources else None,
        base=(sends.sources.base or "") if sends.sources else "",
    )


def wrapped(partners: Iterable[Partner]) -> frozenset[str]:
    """Return the senders whose messages come in envelopes: only what is in them tells whether two are the same."""
    return frozenset(
        partner.id
        for partner in partners
        if partner.sends and partner.sends.signature and bindings.wraps(partner.sends.signature.profile)
    )


def _verifier(proof: Proof | None, officers: Sequence[Path], anchors: Anchors | None) -> Verifier | None:
    if proof is None:
        return None
    pinned: list[Path | PinFile] = [*proof.pins, *(officers if proof.authority else ())]
    return bindings.verifier(load_pins(pinned), proof.profile, anchors)
