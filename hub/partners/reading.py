"""Partner files: one closed TOML file per system that the hub talks to. Adding a partner changes no Python.

Every mistake of every file is found in one reading: unknown key, wrong type, plain ``http://`` that leaves the machine,
a schema, mapping, key or file that is not there, an id or an API key that stands twice. Each is HUB-CFG-001 with file,
line and path. What a room wants to know stands under ``[receives.<room>]`` and is read by the room's own model, so that
nothing here names a room. Relative file names are relative to the folder of the partner's file.
"""

from __future__ import annotations

import re
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel

from hub.closed_toml import Source, Steps
from hub.partners.declaration import SCHEDULE, Declaration
from hub.partners.partner import Partner
from hub.partners.signatures import SIGNED_ONCE, Proof, strange
from hub.partners.world import Reading, World
from hub.settings.values import is_loopback
from schemas.problems import Problem, Refusal
from signing.bindings import per_attempt
from signing.profiles import Identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hub.partners.declaration import Named
    from hub.partners.signatures import Seal

CODE = "HUB-CFG-001"
FORM_WORDS = "lienthong.message@"
FORM_RULE = "not with access.form: what a system signs is a partner of its own"


Built = TypeVar("Built")


def load(folder: Path, world: World) -> tuple[Partner, ...]:
    """Read every ``*.toml`` of the folder that is no draft, in the order of their names. Raises ``Refusal`` with the problems of all."""
    partners: list[tuple[Source, Partner]] = []
    problems: list[Problem] = []
    if not folder.is_dir():
        raise Refusal(Problem(code=CODE, place=folder.name, rule="a folder that is there"))
    for path in sorted(folder.glob("*.toml")):
        try:
            source = Source(path, CODE)
            if source.values.get("draft") is True:
                continue
            partners.append((source, _read(source, world)))
        except Refusal as refusal:
            problems.extend(refusal.problems)
    problems.extend(_twice(partners))
    problems.extend(_keyless(partners))
    if problems:
        raise Refusal(*problems)
    return tuple(partner for _, partner in partners)


def read(path: Path, world: World) -> Partner:
    """Read one partner's file. Raises ``Refusal`` with every problem of it."""
    return _read(Source(path, CODE), world)


def _read(source: Source, world: World) -> Partner:
    values, room, table = _without_room(source.values, world)
    under: Steps = ("receives" if "receives" in source.values else "sends", room)
    reading = Reading(world, source.path.parent)
    problems: list[Problem] = []
    declaration = _try(problems, lambda: source.read(Declaration, values, context=reading))
    settings = None
    if table is not None:
        settings = _try(problems, lambda: _room_settings(source, world.rooms[room], table, under))
        known = {problem.line for problem in problems}
        problems.extend(problem for problem in _open_http(source, table, under) if problem.line not in known)
    if declaration is not None and settings is not None and not problems:
        told = declaration.receives
        found = world.fits(room, settings, told.replies if told else (), bool(told and told.reply_signature))
        problems.extend(_placed(source, problem, table or {}, under) for problem in found)
    if declaration is not None:
        problems.extend(_receipts(source, declaration, settings))
        problems.extend(_known(source, declaration, world.rooms.get(room)))
        problems.extend(_signatures(source, declaration))
        problems.extend(_envelopes(source, declaration, world.rooms.get(room)))
        problems.extend(_collected(source, declaration, world))
        problems.extend(_fetched(source, declaration, world.rooms.get(room)))
        problems.extend(_asked(source, declaration, settings))
        problems.extend(_answered(source, declaration, world.rooms.get(room)))
        problems.extend(_by_form(source, declaration, world.rooms.get(room)))
        problems.extend(_lacking(source, declaration, settings, under))
    if declaration is None or problems:
        raise Refusal(*sorted(problems, key=lambda problem: problem.line))
    return Partner(file=source.path, settings=settings, **dict(declaration))


def _known(source: Source, told: Declaration, room: type[BaseModel] | None) -> Iterator[Problem]:
    """Who sends must be able to say who it is, unless the hub comes to it; who is known by its signature must sign."""
    access, sends = told.access, told.sends
    proof = sends.signature if sends else None
    badge = proof is not None and proof.identity is not Identity.NONE
    picked_up = sends is not None and sends.collect is not None
    answers = told.receives is not None and getattr(room, "answers", False)
    here = (badge, picked_up, answers)
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
    if told.receives.acknowledges and getattr(settings, "progress", False):
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


def _collected(source: Source, told: Declaration, world: World) -> Iterator[Problem]:
    if told.sends and told.sends.collect and told.room not in world.collecting:
        yield source.problem(
            ("sends", "collect"), f"a room that picks up: {', '.join(sorted(world.collecting))}"
        )


def _asked(source: Source, told: Declaration, settings: BaseModel | None) -> Iterator[Problem]:
    """What is unclear would wait for ever for an answer that nobody can give."""
    why = getattr(settings, "unaskable", "")
    if told.receives and told.receives.can_be_asked and why:
        yield source.problem(("receives", "can_be_asked"), why)


def _answered(source: Source, told: Declaration, room: type[BaseModel] | None) -> Iterator[Problem]:
    if told.receives and not told.sends and getattr(room, "answers", False):
        yield source.problem(("receives",), "with [sends]: what it answers is a message of its own")


def _fetched(source: Source, told: Declaration, room: type[BaseModel] | None) -> Iterator[Problem]:
    """Who comes itself must be able to say who it is, is asked nothing, and gets each dossier's messages one after the other."""
    receives = told.receives
    if receives is None or not getattr(room, "fetches", False):
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


def _placed(source: Source, problem: Problem, table: dict[str, Any], under: Steps) -> Problem:
    """Lead what a room says (``operations.X``, ``wsdl:nope@1``) back to the line of its table."""
    steps = tuple(re.split(r"[.:]", problem.place))
    at = (*under, *(steps if "." in problem.place else steps[:1])) if steps[0] in table else under
    detail = problem.detail or problem.place.partition(":")[2]
    return source.problem(at, problem.rule or "a schema of the library", detail)


def _without_room(values: dict[str, Any], world: World) -> tuple[dict[str, Any], str, dict[str, Any] | None]:
    """Part the room's own table from the rest; no table is an empty one for a partner that receives or that is picked up from."""
    room, sends = values.get("room"), values.get("sends")
    way = "receives" if "receives" in values else "sends"
    around = values.get(way)
    if not isinstance(room, str) or room not in world.rooms or not isinstance(around, dict):
        return values, room if isinstance(room, str) else "", None
    if way == "sends" and not (isinstance(sends, dict) and "collect" in sends):
        return values, room, None
    rest = {key: value for key, value in around.items() if key != room}
    table = around.get(room, {})
    return {**values, way: rest}, room, table if isinstance(table, dict) else {}


def _try(problems: list[Problem], read: Callable[[], Built]) -> Built | None:
    try:
        return read()
    except Refusal as refusal:
        problems.extend(refusal.problems)
        return None


def _room_settings(source: Source, model: type[BaseModel], table: dict[str, Any], under: Steps) -> BaseModel:
    settings = source.read(model, table, under)
    missing: list[Problem] = []
    anchored = _anchored(source, settings, under, missing)
    if missing:
        raise Refusal(*missing)
    return anchored


def _anchored(source: Source, model: BaseModel, under: Steps, missing: list[Problem]) -> BaseModel:
    """Make every file name of a room's settings absolute, and note those that are not there."""
    changed = {
        name: _at_home(source, getattr(model, name), (*under, name), missing)
        for name in type(model).model_fields
    }
    return model.model_copy(update=changed)


def _at_home(source: Source, value: Any, place: Steps, missing: list[Problem]) -> Any:  # noqa: ANN401 - whatever a room's settings hold
    match value:
        case Path():
            found = source.path.parent / value
            if not found.exists():
                missing.append(source.problem(place, "a file that is there"))
            return found
        case BaseModel():
            return _anchored(source, value, place, missing)
        case dict():
            return {key: _at_home(source, each, (*place, key), missing) for key, each in value.items()}
        case _:
            return value


def _open_http(source: Source, value: object, at: Steps) -> Iterator[Problem]:
    """Name every address that would leave this machine unencrypted, whatever the room calls it."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _open_http(source, inner, (*at, key))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _open_http(source, inner, (*at, number))
    elif isinstance(value, str) and value.lower().startswith("http://") and not _stays_here(value):
        yield source.problem(at, "only https:// leaves this machine")


def _stays_here(url: str) -> bool:
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False


def _keyless(partners: list[tuple[Source, Partner]]) -> Iterator[Problem]:
    for source, partner in partners:
        if partner.receives and partner.receives.documents.api_key and not partner.calls:
            yield source.problem(
                ("receives", "documents", "api_key"),
                "a partner with sends.api_keys, or a way in under [access]",
            )


def _twice(partners: list[tuple[Source, Partner]]) -> Iterator[Problem]:
    ids: set[str] = set()
    keys: set[str] = set()
    clients: set[str] = set()
    for source, partner in partners:
        if partner.id in ids:
            yield source.problem(("id",), "an id of its own: this one stands in another file")
        ids.add(partner.id)
        for place, key in _keys(partner):
            if key in keys:
                yield source.problem(place, "an API key of its own: this one stands twice")
            keys.add(key)
        for number, client in enumerate(partner.access.clients):
            if client.id in clients:
                yield source.problem(
                    ("access", "clients", number, "id"), "an id of its own: this one stands twice"
                )
            clients.add(client.id)


def _keys(partner: Partner) -> Iterator[tuple[Steps, str]]:
    access, receipts = partner.access, partner.receives.receipts if partner.receives else None
    listed: tuple[tuple[Steps, tuple[Named, ...]], ...] = (
        (("sends", "api_keys"), partner.sends.api_keys if partner.sends else ()),
        (("access", "api_keys"), access.api_keys),
        (("access", "certificates"), access.certificates),
        *(
            (("access", "clients", number, "secrets"), client.secrets)
            for number, client in enumerate(access.clients)
        ),
        (("receives", "receipts", "api_keys"), receipts.api_keys if receipts else ()),
    )
    for steps, keys in listed:
        for number, key in enumerate(keys):
            yield (*steps, number), key.hash
