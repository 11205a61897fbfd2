"""Where a hub below keeps the keys that are certified later, and what renews them."""

from __future__ import annotations

import os
from datetime import UTC
from typing import TYPE_CHECKING

from hub.edges.renewing import Desk, Life, Renewing
from hub.registries.putting import put
from hub.replicating import renewing as processes
from hub.settings import replica
from hub.settings.keys import MADE
from hub.version import own_version
from hub.wiring.own_keys import key_name, own_key, secret
from hub.wiring.parts import utc_now
from schemas.problems import refuse
from signing.keys import authority

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from hub.edges.peers import Peer, Sign
    from hub.settings.file import Settings


def renewing(settings: Settings, sign: Sign, above: Peer) -> Renewing:
    """Raises ``Refusal`` HUB-CFG-002: the settings name no folder for renewed keys."""
    name = key_name(settings)
    folder = settings.keys[name].renewed
    if folder is None:
        raise refuse("HUB-CFG-002", f"keys.{name}.renewed", rule="a folder: further keys are put there")
    desk = Desk(
        name=settings.hub.code,
        software=own_version(),
        life=lambda: life(settings, utc_now()),
        pending=lambda: _pending(folder, utc_now()).read_bytes(),
        lay=lambda certificate: put(_pending(folder, utc_now()).with_suffix(".pem"), certificate),
        sign=sign,
        verify=above.verify,
    )

    def changed() -> None:
        processes.ask(settings.data / replica.FOLDER, utc_now())

    return Renewing(desk, changed, utc_now)


def can_renew(settings: Settings) -> bool:
    return settings.keys[key_name(settings)].renewed is not None


def life(settings: Settings, now: datetime) -> Life:
    """Of the certificate that signs now. Raises ``Refusal`` HUB-KEY-001, HUB-CRT-003."""
    certificate = own_key(settings, now).certificate
    return Life(certificate.not_valid_before_utc, certificate.not_valid_after_utc)


def _pending(folder: Path, now: datetime) -> Path:
    """Return the key whose certificate has not come yet; make it where there is none."""
    for key in sorted(folder.glob("[0-9]*Z.key")) if folder.is_dir() else ():
        if not key.with_suffix(".pem").exists():
            return key
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made = folder / f"{now.astimezone(UTC).strftime(MADE)}.key"
    draft = made.with_name(f".{made.name}.{os.getpid()}")
    secret(draft, authority.new_key())
    return draft.rename(made)
