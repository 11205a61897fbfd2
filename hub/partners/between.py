"""What must hold between the keys of one partner's file, when each is right in itself."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from hub.partners.declaration import SCHEDULE
from hub.partners.signatures import SIGNED_ONCE, Proof, strange
from schemas.dossier import Kind
from signing.bindings import per_attempt
from signing.profiles import Identity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

    from hub.closed_toml import Source, Steps
    from hub.partners.declaration import Declaration
    from hub.partners.signatures import Seal
    from hub.partners.world import World
    from schemas.problems import Problem

FORM_WORDS = "lienthong.message@"
ONE_TRANSFER = 'a question about one transfer (key); one about the dossier alone proves nothing unless kinds = ["received"]'
FORM_RULE = "not with access.form: what a system signs is a partner of its own"


def faults(
    source: Source, told: Declaration, settings: BaseModel | None, world: World, under: Steps
) -> Iterator[Problem]:
    """``under``: where the room's own table stands. A room that nobody knows says nothing about the rest."""
    yield from _receipts(source, told, settings)
    yield from _signatures(source, told)
    yield from _lacking(source, told, settings, under)
    yield from _asked(source, told, settings, under)
    if told.room not in world.rooms:
        return
    room = world.rooms[told.room]
    yield from _known(source, told, room)
    yield from _pinned(source, told, room)
    yield from _envelopes(source, told, room)
    yield from _spoiled(source, told, settings)
    yield from _collected(source, told, world)
    yield from _fetched(source, told, room)
    yield from _answered(source, told, room)
    yield from _by_form(source, told, room)


def _known(source: Source, told: Declaration, room: type[BaseModel] | None) -> Iterator[Problem]:
    """Who sends must be able to say who it is, unless the hub comes to it; who is known by its signature must sign."""
    access, sends = told.access, told.sends
    proof = sends.signature if sends else None
    badge = proof is not None and proof.identity is not Identity.NONE
    picked_up = sends is not None and sends.collect is not None
    answers = told.receives is not None and getattr(room, "answers", False)
    here = (badge, picked_up, answers, getattr(room, "relays", False))
    ways = (access.api_keys, access.clients, access.certificates, access.signature, access.form, *here)
    if sends is not None and not (sends.api_keys or any(ways)):
        yield source.problem(("sends",), "sends.api_keys, or a way in under [access]")
    if access.signature and proof is None:
        yield source.problem(("access", "signature"), "[sends.signature]")


def _receipts(source: Source, told: Declaration, settings: BaseModel | None) -> Iterator[Problem]:
    """A partner that acknowledges must be able to say so; one that does not has nothing to bring."""
    if told.receives is None:
        return
    access = told.access
    known = told.sends or access.api_keys or access.clients or access.certificates
    if told.receives.acknowledges and not (told.receives.receipts or known):
        yield source.problem(
            ("receives", "acknowledges"), "receives.receipts.api_keys, or [sends], for its receipts"
        )
    if told.receives.acknowledges and getattr(settings, "says_statuses", False):
        yield source.problem(("receives", "acknowledges"), "false: nobody answers a status message")
    proof = told.receives.receipt_signature
    if proof and not told.receives.acknowledges:
        yield source.problem(("receives", "receipt_signature"), "acknowledges = true")
    if proof and proof.binding != "jws-detached":
        yield source.problem(("receives", "receipt_signature", "binding"), "jws-detached")
    if told.receives.receipts and not told.receives.acknowledges:
        yield source.problem(("receives", "receipts"), "acknowledges = true")


def _signatures(source: Source, told: Declaration) -> Iterator[Problem]:
    """A key that means nothing to its binding; an age that the last try of a message would be past."""
    tables: dict[Steps, Proof | Seal | None] = {
        ("sends", "signature"): told.sends.signature if told.sends else None
    }
    if told.receives:
        tables["receives", "signature"] = told.receives.signature
        tables["receives", "reply_signature"] = told.receives.reply_signature
        tables["receives", "receipt_signature"] = told.receives.receipt_signature
    for under, table in tables.items():
        for key in strange(table) if table else ():
            yield source.problem((*under, key), f"not with binding {table.binding if table else ''}")
    proof = tables["sends", "signature"]
    if isinstance(proof, Proof) and proof.max_age and proof.binding in SIGNED_ONCE:
        least = ceil(sum(told.receives.schedule if told.receives else SCHEDULE))
        if proof.max_age < least:
            rule = f"at least {least}: whoever tries by this schedule sends what was signed so long ago"
            yield source.problem(("sends", "signature", "max_age"), rule)


def _envelopes(source: Source, told: Declaration, room: type[BaseModel] | None) -> Iterator[Problem]:
    """What a room cannot sign around its calls would leave unsigned; what it cannot verify would be believed all the same."""
    seal = told.receives.signature if told.receives else None
    reply = told.receives.reply_signature if told.receives else None
    signs: frozenset[str] = getattr(room, "signs", frozenset())
    believes: frozenset[str] = getattr(room, "believes", frozenset())
    if seal and per_attempt(seal.profile) and seal.binding not in signs:
        yield source.problem(("receives", "signature", "binding"), _of(told.room, signs))
    if reply and reply.binding not in believes:
        yield source.problem(("receives", "reply_signature", "binding"), _of(told.room, believes))


def _spoiled(source: Source, told: Declaration, settings: BaseModel | None) -> Iterator[Problem]:
    """What is put beside or into what was signed must leave the signature standing."""
    seal, spoils = told.receives.signature if told.receives else None, getattr(settings, "spoils", None)
    if seal and spoils and (why := spoils(envelope=per_attempt(seal.profile))):
        yield source.problem(("receives", "signature", "binding"), why)


def _collected(source: Source, told: Declaration, world: World) -> Iterator[Problem]:
    if told.sends and told.sends.collect and told.room not in world.collecting:
        yield source.problem(
            ("sends", "collect"), f"a room that picks up: {', '.join(sorted(world.collecting))}"
        )


def _asked(source: Source, told: Declaration, settings: BaseModel | None, under: Steps) -> Iterator[Problem]:
    """What is unclear would wait for ever for an answer that nobody can give; *there* of a dossier is true of no later message about it."""
    why = getattr(settings, "unaskable", "")
    if told.receives and told.receives.can_be_asked and why:
        yield source.problem(("receives", "can_be_asked"), why)
    alone = told.receives is None or told.receives.kinds == (Kind.RECEIVED,)
    if told.receives and told.receives.can_be_asked and not (alone or getattr(settings, "tells_apart", True)):
        yield source.problem((*under, "find"), ONE_TRANSFER)


def _answered(source: Source, told: Declaration, room: type[BaseModel] | None) -> Iterator[Problem]:
    if told.receives and not told.sends and getattr(room, "answers", False):
        yield source.problem(("receives",), "with [sends]: what it answers is a message of its own")


def _fetched(source: Source, told: Declaration, room: type[BaseModel] | None) -> Iterator[Problem]:
    """Who comes itself must be able to say who it is, is asked nothing, and gets each dossier's messages one after the other."""
    receives = told.receives
    if receives is None or not getattr(room, "fetches", False):
        return
    if getattr(room, "relays", False):
        yield from _relays(source, told)
        return
    access = told.access
    ways = (access.api_keys, access.clients, access.certificates, access.form)
    if not (any(ways) or (told.sends and told.sends.api_keys)):
        yield source.problem(("room",), "a way in under [access], by which it fetches")
    if receives.can_be_asked:
        yield source.problem(("receives", "can_be_asked"), "false: nobody calls it")
    if not receives.order_sensitive:
        yield source.problem(
            ("receives", "order_sensitive"), "true: the next is offered when the one before is acknowledged"
        )


def _pinned(source: Source, told: Declaration, room: type[BaseModel] | None) -> Iterator[Problem]:
    """Whoever signs is known by a certificate; a hub below may have got its own when it enrolled."""
    enrols = getattr(room, "relays", False)
    for way, proof in (
        (("sends", "signature"), told.sends.signature if told.sends else None),
        (("receives", "reply_signature"), told.receives.reply_signature if told.receives else None),
        (("receives", "receipt_signature"), told.receives.receipt_signature if told.receives else None),
    ):
        if proof is not None and not proof.certificates and not enrols:
            yield source.problem((*way, "certificates"), "at least one")


def _relays(source: Source, told: Declaration) -> Iterator[Problem]:
    """Another hub signs its batches, takes all that waits at once, and speaks the hub's own words."""
    sends, receives = told.sends, told.receives
    if sends is None or sends.signature is None or sends.signature.binding != "jws-detached":
        yield source.problem(
            ("sends", "signature"), 'binding = "jws-detached", with the other hub\'s certificate'
        )
    access = told.access
    if (sends and sends.api_keys) or any(
        (access.api_keys, access.clients, access.certificates, access.signature, access.form)
    ):
        yield source.problem(("access",), "nothing: another hub is known by what it signs, at its own line")
    if receives and receives.order_sensitive:
        yield source.problem(
            ("receives", "order_sensitive"), "false: all that waits goes into batches, in its order"
        )
    for place, mapping in (
        (("sends", "format"), sends.format if sends else FORM_WORDS),
        (("receives", "mapping"), receives.mapping if receives else FORM_WORDS),
    ):
        if not mapping.startswith(FORM_WORDS):
            yield source.problem(place, f"another hub: {FORM_WORDS}…")


def _by_form(source: Source, told: Declaration, room: type[BaseModel] | None) -> Iterator[Problem]:
    """Nobody signs what an officer types, the form writes and reads the hub's own words, and officers come for what is theirs."""
    if not told.access.form:
        return
    sends, receives = told.sends, told.receives
    if sends and sends.signature:
        yield source.problem(("sends", "signature"), FORM_RULE)
    if receives and receives.receipt_signature:
        yield source.problem(("receives", "receipt_signature"), FORM_RULE)
    if receives and not getattr(room, "fetches", False):
        yield source.problem(
            ("room",), "a room whose partner fetches: access.form is for one without a system"
        )
    for place, mapping in (
        (("sends", "format"), sends.format if sends else FORM_WORDS),
        (("receives", "mapping"), receives.mapping if receives else FORM_WORDS),
    ):
        if not mapping.startswith(FORM_WORDS):
            yield source.problem(place, f"with access.form: {FORM_WORDS}…")


def _lacking(
    source: Source, told: Declaration, settings: BaseModel | None, under: Steps
) -> Iterator[Problem]:
    """What the room's table must say for the direction that is declared, where the room tells."""
    lacks = getattr(settings, "lacks", None)
    if lacks is None:
        return
    collected = told.sends is not None and told.sends.collect is not None
    for key in lacks(receives=told.receives is not None, collected=collected):
        yield source.problem((*under, key), "needed for this direction")


def _of(room: str, bindings: frozenset[str]) -> str:
    return f"a binding that the room {room} knows for this: {', '.join(sorted(bindings)) or 'none'}"
