"""The tools of a pool process: the desk for judging, the workbench for sealing. Keys are loaded here and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from connectors import catalogue
from hub.delivery.sealing import Signs, Unsigned, Workbench, Wrapping
from hub.judging import desk
from hub.settings import file as settings_file
from hub.wiring.declared import codecs, declared
from hub.wiring.parts import utc_now
from hub.wiring.timestamps import anchors_of
from signing import bindings
from signing.keys.ring import KeyRing, KeySource
from signing.trust.pins import load_pins

if TYPE_CHECKING:
    from pydantic import BaseModel

    from connectors.contract import Sealer
    from hub.judging.contract import Desk
    from hub.partners.declaration import Receives
    from hub.partners.partner import Partner
    from hub.partners.signatures import Seal
    from hub.settings.file import Settings
    from hub.wiring.declared import Declared
    from schemas.mapping import Mapping
    from schemas.problems import Problem
    from signing.contract import Signer


def pool_tools(path: str) -> tuple[Desk, Workbench]:
    """Build what a pool process works with: the desk for judging, the workbench for sealing. Keys are loaded here."""
    return tools_by(declared(Path(path)))


def tools_by(what: Declared) -> tuple[Desk, Workbench]:
    """Build the same by what was read already."""
    speak = codecs(what)
    judging = desk.set_up(
        what.partners,
        formats=what.formats,
        codecs=speak,
        agencies=what.agencies,
        procedures=what.procedures,
        limit=what.settings.limits.body,
        believes=_believed(what),
    )
    ring = KeyRing(_sources(what.settings))
    return judging, Workbench(
        codecs=speak,
        sealers={partner.id: _sealer(receives, ring) for partner, receives in what.receiving},
        wrappings={partner.id: _wrapping(receives, ring) for partner, receives in what.receiving},
        says={partner.id: what.formats[receives.mapping] for partner, receives in what.receiving},
        bars=ring.bars,
    )


def tools_of(
    partner: Partner, receives: Receives, settings: BaseModel, format_: Mapping | None, ring: KeyRing
) -> Workbench:
    """Build the workbench of one partner, whether the hub knows it or not."""
    codec = catalogue.ROOMS[partner.room].build(settings, format_) if format_ else None
    return Workbench(
        codecs={partner.id: codec} if codec else {},
        sealers={partner.id: _sealer(receives, ring)},
        wrappings={partner.id: _wrapping(receives, ring)},
        says={partner.id: format_} if format_ else {},
        bars=ring.bars,
    )


def _believed(what: Declared) -> desk.Believed:
    told = what.settings.timestamps
    return desk.Believed(
        signatories=what.signatories, anchors=anchors_of(told) if told.certificates else None
    )


def key_warnings(path: str) -> tuple[Problem, ...]:
    """Load every key once and return what works but should be mended. Raises ``Refusal`` HUB-CRT-003 for what does not."""
    ring = KeyRing(_sources(settings_file.load(Path(path))))
    return tuple(warning for key in ring for warning in key.warnings)


def keys_of(settings: Settings, *names: str) -> KeyRing:
    """Load every generation of these keys; of all without a name. Raises ``Refusal`` HUB-CRT-003."""
    return KeyRing(source for source in _sources(settings) if not names or source.name in names)


def _sources(settings: Settings) -> list[KeySource]:
    return [
        KeySource(
            name=name,
            generation=one.id,
            file=str(one.file or ""),
            certificate=str(one.certificate or ""),
            password_file=str(one.password_file or ""),
            module=str(one.module or ""),
            token=one.token,
            label=one.label,
            pin_file=str(one.pin_file or ""),
            begins=one.begins,
            ends=one.ends,
        )
        for name, key in settings.keys.items()
        for one in key.places
    ]


def _sealer(receives: Receives, ring: KeyRing) -> Sealer:
    seal = receives.signature
    if seal is None or bindings.per_attempt(seal.profile):
        return Unsigned()
    return Signs(_signer(seal, ring), utc_now)


def _wrapping(receives: Receives, ring: KeyRing) -> Wrapping:
    seal, reply = receives.signature, receives.reply_signature
    return Wrapping(
        signer=_signer(seal, ring) if seal and bindings.per_attempt(seal.profile) else None,
        verifier=bindings.verifier(load_pins(reply.pins), reply.profile) if reply else None,
    )


def _signer(seal: Seal, ring: KeyRing) -> Signer:
    return ring.signer(seal.key, lambda key: bindings.signer(key, seal.profile))
