"""Vectors of the protocol between hubs: `python -m tests.golden.hubs` writes `tests/golden/edge` anew. The keys are for these files and nothing else.

Signatures and certificates are others each time (ECDSA draws a number); all the rest is the same.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from connectors.contract import Relayed
from connectors.edge import texts, tokens
from connectors.edge.codec import build
from connectors.edge.frames import frame
from connectors.edge.settings import Settings
from connectors.edge.values import FIRST, MAJOR, Acks, Head, Hello, Manifest, Refused, Row, Speaks
from schemas import mapping
from schemas.dossier import SCHEMA_ID, Dossier, Event, Kind, Message, Procedure, State
from schemas.library import BUILTIN
from signing.jose.detached import DetachedSigner
from signing.keys.ring import KeySource, load
from signing.profiles import JwsProfile

FOLDER = Path(__file__).parent / "edge"
PROFILE = JwsProfile(says_time=False)
NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
BELOW, ABOVE = "000.00.21.H47", "000.00.00.H47"
CODE = f"{BELOW}-261120-0001"


def messages() -> tuple[Message, ...]:
    opened = Dossier(code=CODE, procedure=Procedure(national="1.009999"), state=State.ACCEPTED)
    return tuple(
        Message(
            event=Event(kind=kind, at=NOW, content="Đã xử lý" if kind is Kind.STEP else None),
            key=f"k-{number}",
            sender="mot-cua",
            agency=BELOW,
            dossier=opened if number == 1 else Dossier(code=CODE),
        )
        for number, kind in enumerate((Kind.RECEIVED, Kind.STEP), 1)
    )


def entries() -> tuple[bytes, ...]:
    """Write both messages as entries of one dossier."""
    codec = build(Settings(serves=(BELOW,)), mapping.load(BUILTIN / "mappings" / "lienthong.message-1.toml"))
    found = []
    for number, message in enumerate(messages(), 1):
        draft = codec.encode("relay", message, "")
        told = Relayed(
            id=f"m-{number}",
            hub=BELOW,
            no=number,
            seen={BELOW: number - 1} if number > 1 else {},
            sender=message.sender,
            agency=message.agency,
            key=message.key,
            digest=hashlib.sha256(message.key.encode()).hexdigest(),
            accepted_at=NOW,
            stage="live",
            words={"kind": str(message.kind), "speaker": BELOW, "by_origin": True},
        )
        found.append(codec.relay(draft, told).payload)  # type: ignore[attr-defined]
    return tuple(found)


def manifests() -> tuple[bytes, ...]:
    """Write a batch for each entry, the second behind the first."""
    found: list[bytes] = []
    for seq, entry in enumerate(entries(), 1):
        row = Row(
            key=f"m-{seq}:above:1",
            id=f"m-{seq}",
            sha256=hashlib.sha256(entry).hexdigest(),
            size=len(entry),
        )
        prev = hashlib.sha256(found[-1]).hexdigest() if found else FIRST
        made = Manifest(
            v=MAJOR, source=BELOW, target=ABOVE, epoch=1, seq=seq, prev=prev, made_at=NOW, entries=(row,)
        )
        found.append(texts.write(made))
    return tuple(found)


def acks() -> Acks:
    """Say that the hub above has both, and refuses the second one's entry."""
    return Acks(
        v=MAJOR,
        source=ABOVE,
        target=BELOW,
        epoch=1,
        upto=2,
        head=hashlib.sha256(manifests()[-1]).hexdigest(),
        refused=(Refused(key="m-2:above:1", code="HUB-EDG-022", rule="receives.edge.serves"),),
        made_at=NOW,
    )


def hello() -> Hello:
    """Greet as the hub below does when both batches are made."""
    none = Acks(v=MAJOR, source=BELOW, target=ABOVE, epoch=1, upto=0, made_at=NOW)
    return Hello(
        v=MAJOR,
        hub=BELOW,
        speaks=(Speaks(major=MAJOR),),
        clock=NOW,
        made=Head(seq=2, sha256=hashlib.sha256(manifests()[-1]).hexdigest()),
        acks=none,
        schemas=(SCHEMA_ID,),
        kinds=("received", "step"),
    )


def plain() -> dict[str, bytes]:
    """All that is the same each time it is written."""
    numbered = {f"entry-{number}.json": entry for number, entry in enumerate(entries(), 1)}
    batches = {f"manifest-{number}.json": raw for number, raw in enumerate(manifests(), 1)}
    return {**numbered, **batches, "acks.json": texts.write(acks()), "hello.json": texts.write(hello())}


def _certified() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a hub of test vectors")])
    begins, ends = datetime(2020, 1, 1, tzinfo=UTC), datetime(2070, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), begins, ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (FOLDER / "key.pem").write_bytes(private)
    (FOLDER / "key.pem").chmod(0o600)
    (FOLDER / "certificate.pem").write_bytes(made.public_bytes(Encoding.PEM))


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    _certified()
    source = KeySource(name="edge", file=str(FOLDER / "key.pem"), certificate=str(FOLDER / "certificate.pem"))
    signer = DetachedSigner(load(source), PROFILE)
    stream = b""
    for number, (raw, entry) in enumerate(zip(manifests(), entries(), strict=True), 1):
        signature = signer.sign(raw, NOW)
        (FOLDER / f"manifest-{number}.jws").write_text(signature)
        stream += frame(raw, signature, [entry])
    (FOLDER / "stream.bin").write_bytes(stream)
    (FOLDER / "token.txt").write_text(tokens.issue(BELOW, ABOVE, NOW, signer.sign))
    for name, raw in plain().items():
        (FOLDER / name).write_bytes(raw)


if __name__ == "__main__":
    main()
