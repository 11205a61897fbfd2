"""A hub's site with a key for evidence and, where one is given, a time-stamping authority; and a dossier in its store."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hub.delivery.failure import failed
from hub.demo.scene import build
from hub.lifecycle import Move, State
from hub.receipts.receipts import receipt
from hub.settings.file import load
from hub.store.contract.delivery import Acknowledgement, Settlement
from hub.trust.contract import Said, Standing
from hub.wiring.evidence import confirming
from hub.wiring.parts import store_of
from hub.wiring.tools import keys_of
from schemas.dossier import Event, Kind, Message, to_json
from signing.jose.detached import DetachedSigner
from signing.keys.ring import KeySource, SigningKey
from signing.keys.ring import load as load_key
from tests.store.samples import AUTHORITY, acceptance, attempt, delivered, roomy, sealed

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from connectors.contract import Codec
    from hub.receipts.receipts import Confirm
    from hub.store.contract.store import Store
    from tests.doubles.pki import Pki
    from tests.doubles.tsa import Tsa

CODE = "code-d1"
RAW = '{"hoTen":"Nguyễn Văn Á"}'.encode()
OCSP = b"what an authority said of the certificate"
DELIVERED, REFUSED = "m1.so-tnmt.0", "m2.so-tnmt.0"


def site(folder: Path, pki: Pki, tsa: Tsa | None = None, *, key: str = "seal-p256") -> Path:
    """Return the settings."""
    settings = build(folder / "site", 1, (2, 3, 4)).settings
    seal = pki[key]
    more = f"""
[keys.bang-chung]
file = "{seal.key_file}"
certificate = "{seal.certificate_file}"

[evidence]
key = "bang-chung"
certificates = ["{pki["root"].certificate_file}"]
"""
    if tsa is not None:
        files = ", ".join(f'"{pki[name].certificate_file}"' for name in ("root", "issuing"))
        more += f'\n[timestamps]\nurl = "{tsa.url}"\ncertificates = [{files}]\npolicy = "{tsa.policy}"\n'
    settings.write_text(settings.read_text("utf-8") + more, "utf-8")
    return settings


class _Says:
    def operations(self, _: Message) -> tuple[str, ...]:
        return ("note",)


async def filled(settings: Path, now: datetime, *, refused: bool = True, more: int = 0) -> Store:
    """One message delivered with the partner's receipt, one refused whose sender was told, ``more`` delivered. Nothing is chained."""
    told = load(settings, {})
    store, confirm = store_of(told), confirming(told, frozenset)
    await store.capacities(roomy("so-tnmt", "motcua-tinh"))
    for key in keys_of(told, "bang-chung"):
        said = Standing(fingerprint=key.fingerprint, state=Said.GOOD, heard_at=now, answer=OCSP)
        await store.trust.hear([said], now)
    sender = _sender(settings)
    await _accepted(store, "m1", Hands(sender, confirm), now, version=0)
    await _delivered(store, now)
    for n in range(1, more + 1):
        await _accepted(store, f"more{n}", Hands(sender, confirm), now, version=n)
        await _delivered(store, now)
    if refused:
        await _accepted(store, "m2", Hands(sender, confirm), now, version=more + 1)
        await _refused(store, confirm, now)
    return store


class Hands(NamedTuple):
    """Who signs: the sender what it says, the hub what it accepted."""

    sender: SigningKey
    confirm: Confirm


def _sender(settings: Path) -> SigningKey:
    key = settings.parents[1] / "onestop" / "motcua.key"
    return load_key(KeySource(name="motcua", file=str(key), certificate=str(key.with_suffix(".pem"))))


async def _accepted(store: Store, message: str, hands: Hands, now: datetime, *, version: int) -> None:
    event = Message(
        event=Event(kind=Kind.STEP, at=now), key=f"key-{message}", sender="motcua-tinh", agency=AUTHORITY
    )
    new = acceptance(message, dossier="d1", version=version, raw=RAW, when=now)
    made = receipt(
        message=message,
        digest=new.digest,
        accepted_at=now,
        kind=new.kind,
        key=new.key,
        transfers=new.transfers,
    )
    await store.accept(
        msgspec.structs.replace(
            new,
            canonical=to_json(event),
            receipt=made,
            confirmation=hands.confirm(made, now),
            headers={"x-jws-signature": DetachedSigner(hands.sender).sign(RAW, now)},
            facts={
                "format": "motcua.rest@1",
                "signer": hands.sender.fingerprint,
                "profile": "jws-detached@1",
            },
        )
    )


async def _delivered(store: Store, now: datetime) -> None:
    (work,) = await store.claim("w", now, 10, 30)
    said = msgspec.structs.replace(sealed(), says="land.soap@1", taken={"dossier.summary": "m0"})
    await store.seal(work.token, {work.transfer: said})
    await store.settle(work.token, [delivered(work.transfer, reference="LDS-1")], now)
    digest = hashlib.sha256(sealed().payload).hexdigest()
    await store.acknowledge(
        Acknowledgement(
            partner="so-tnmt",
            raw=b'{"key":"theirs"}',
            received_at=now,
            said_at=now,
            key=work.key,
            digest=digest,
            signature="header..theirs",
        )
    )


async def _refused(store: Store, confirm: Confirm, now: datetime) -> None:
    (work,) = await store.claim("w", now, 10, 30)
    await store.seal(work.token, {work.transfer: msgspec.structs.replace(sealed("no"), says="land.soap@1")})
    codec: Codec = _Says()  # type: ignore[assignment]  # all that is asked of it
    told = failed(
        work, code="HUB-PAR-001", state=State.REFUSED, now=now, codec_of=lambda _: codec, confirm=confirm
    )
    refusal = Settlement(
        transfer=work.transfer,
        move=Move.REFUSE,
        attempts=(attempt("refused"),),
        code="HUB-PAR-001",
        follow_up=told,
    )
    await store.settle(work.token, [refusal], now)
