"""The key by which this hub signs to other hubs, and what verifies what it signed itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hub.wiring.tools import keys_of
from schemas.problems import refuse
from signing.jose.detached import DetachedSigner, DetachedVerifier
from signing.keys.generations import signing
from signing.profiles import JwsProfile
from signing.trust.pins import load_pins

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from hub.edges.peers import Sign, Verify
    from hub.settings.file import Settings
    from signing.contract import Key

PROFILE = JwsProfile(says_time=False)
"""What hubs sign says its time itself, and may be a month on its way."""


def own_key(settings: Settings, now: datetime) -> Key:
    """Return the key that signs to other hubs now. Raises ``Refusal`` HUB-CFG-002, HUB-CRT-003, HUB-KEY-001."""
    name = key_name(settings)
    return keys_of(settings, name).key(name, now)


def sign_by(settings: Settings, barred: Callable[[], frozenset[str]]) -> Sign:
    return own(settings, barred)[0]


def key_name(settings: Settings) -> str:
    if name := settings.hub.key or settings.evidence.key:
        return name
    raise refuse("HUB-CFG-002", "hub.key", rule="the name of a key: it signs what goes to other hubs")


def own(settings: Settings, barred: Callable[[], frozenset[str]]) -> tuple[Sign, Verify]:
    name = key_name(settings)
    generations = keys_of(settings, name).generations(name)
    signers = {one.key.fingerprint: DetachedSigner(one.key, PROFILE) for one in generations}
    pins = tuple(place.certificate or place.file for place in settings.keys[name].places)
    verifier = DetachedVerifier(load_pins([pin for pin in pins if pin is not None]), PROFILE)

    def sign(body: bytes, now: datetime) -> str:
        one = signing(generations, now, barred())
        if one is None:
            raise refuse("HUB-KEY-001", name)
        return signers[one.key.fingerprint].sign(body, now)

    return sign, verifier.verify


def secret(file: Path, content: bytes) -> None:
    """Write what only its owner may read; never over something. Raises ``FileExistsError``."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(handle, content)
        os.fsync(handle)
    finally:
        os.close(handle)
