"""Who lets hubs below in, and how a hub below is let in: files, keys and the one call."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from connectors.edge.settings import Settings as EdgeRoom
from connectors.reach import Reach
from connectors.transport import Broken, Http, Request
from hub.edges import enrolling, inviting
from hub.edges.enrolling import Enrolling, Office, Place
from hub.version import own_version
from hub.wiring.own_keys import PROFILE, own_key, secret, sign_by
from hub.wiring.parts import utc_now
from schemas.dossier import Kind
from schemas.problems import refuse
from signing.jose.detached import DetachedVerifier
from signing.keys import authority
from signing.trust.pins import Pins, pin

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from hub.edges.enrolling import Welcome
    from hub.settings.file import Settings
    from hub.store.contract.store import Store
    from hub.wiring.declared import Declared

KEY, CERTIFICATE = "edge-ca.key", "edge-ca.pem"
LIFE = timedelta(days=3650)


def enrolling_of(store: Store, what: Declared, barred: Callable[[], frozenset[str]]) -> Enrolling | None:
    """``None``: this hub has no key by which it could sign what it answers."""
    settings = what.settings
    if not (settings.hub.key or settings.evidence.key):
        return None
    certificate = own_key(settings, utc_now()).certificate.public_bytes(Encoding.PEM)
    office = Office(
        hub=settings.hub.code,
        above=certificate,
        sign=sign_by(settings, barred),
        authority=lambda: authority_of(settings),
        places={
            each.id: Place(
                code=each.settings.code or each.agency,
                serves=each.settings.serves,
                name={"vi": each.name.vi, "en": each.name.en},
            )
            for each in what.partners
            if isinstance(each.settings, EdgeRoom) and not each.settings.parent
        },
    )
    return Enrolling(store.enrolments, office, utc_now)


def enrolling_here(store: Store, what: Declared) -> Enrolling:
    """Raises ``Refusal`` HUB-CFG-002: this hub signs nothing to others."""
    own_key(what.settings, utc_now())
    found = enrolling_of(store, what, frozenset)
    if found is None:  # own_key has refused before
        raise TypeError(what.settings.hub.code)
    return found


def authority_of(settings: Settings) -> tuple[bytes, bytes]:
    """Key and certificate. Raises ``Refusal`` HUB-EDG-064: there is none."""
    try:
        return (settings.data / KEY).read_bytes(), (settings.data / CERTIFICATE).read_bytes()
    except OSError:
        raise refuse("HUB-EDG-064", "ca", rule="lienthong edges ca") from None


def make_authority(settings: Settings, now: datetime) -> tuple[Path, str, datetime]:
    """Make it where there is none; return its certificate's file, fingerprint and end. It is never made anew."""
    file = settings.data / CERTIFICATE
    if not (settings.data / KEY).exists():
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        key, certificate = authority.new_authority(f"{settings.hub.code} edges", now, LIFE)
        file.write_bytes(certificate)
        secret(settings.data / KEY, key)
    made = x509.load_pem_x509_certificate(file.read_bytes())
    return file, authority.fingerprint(file.read_bytes()), made.not_valid_after_utc


async def enrol(url: str, text: str, directory: Path, listen: str, ca_file: Path | None) -> Welcome:
    """Enrol this machine into an empty folder, all of it or nothing. Raises ``Refusal`` HUB-EDG-*, HUB-CFG-002, what the hub above says."""
    code = inviting.read(text)
    _empty(directory)
    key = authority.new_key()
    asked, digest = enrolling.apply(code, key, "edge", own_version())
    body, signature = await _posted(url, asked, ca_file)
    told = enrolling.welcomed(body, signature, code, digest, _verify)
    if not authority.certifies(told.certificate.encode(), key):
        raise refuse("HUB-EDG-063", "certificate", rule="the certificate of the key that asked")
    _lay(directory, url, told, key, listen, ca_file)
    return told


def _empty(directory: Path) -> None:
    if directory.exists() and any(directory.iterdir()):
        raise refuse("HUB-CFG-002", str(directory), rule="an empty folder: nothing is overwritten")


def _verify(certificate: bytes, body: bytes, signature: str) -> object:
    pins = Pins([pin(x509.load_pem_x509_certificate(certificate))])
    return DetachedVerifier(pins, PROFILE).verify(body, signature, utc_now())


class _Told(msgspec.Struct):
    code: str = "HUB-EDG-063"


async def _posted(url: str, body: bytes, ca_file: Path | None) -> tuple[bytes, str]:
    reach = Reach.model_validate(
        {"base_url": url.rstrip("/"), "total_timeout": 60, "ca_file": ca_file, "max_reply_bytes": 1 << 20}
    )
    http = Http(reach, clock=utc_now)
    try:
        answer = await http.send(
            Request(
                method="POST", path="/edge/v1/enroll", headers={"Content-Type": "application/json"}, body=body
            )
        )
    finally:
        await http.close()
    if isinstance(answer, Broken):
        raise refuse(answer.code, url)
    if answer.status != 200:  # noqa: PLR2004 - HTTP's word for yes
        try:
            told = msgspec.json.decode(answer.body, type=_Told).code
        except msgspec.MsgspecError:
            told = _Told().code
        raise refuse(told, url, detail=f"HTTP {answer.status}")
    return answer.body, answer.headers.get("x-jws-signature", "")


_SETTINGS = """# Ghi danh vào hub {above} · Enrolled at hub {above}
data = "data"
partners = "partners"
listen = "{listen}"
public_url = "http://{listen}"

[hub]
code = "{code}"
key = "hub"

[keys.hub]
file = "keys/hub.key"
certificate = "keys/hub.pem"
renewed = "keys/renewed"
"""
_ABOVE = """# Hub cấp trên · The hub above
id = "hub-above"
agency = "{above}"
room = "edge"

[name]
vi = "Hub cấp trên"
en = "The hub above"

[sends]
format = "lienthong.message@1"
kinds = {kinds}
authority = "{above}"

[sends.signature]
binding = "jws-detached"
certificates = ["keys/hub-above.pem"]

[receives]
kinds = {kinds}
mapping = "lienthong.message@1"
authority = "{above}"
order_sensitive = false
concurrency = 64

[receives.edge]
url = "{url}"
parent = true
{ca}"""


def _lay(directory: Path, url: str, told: Welcome, key: bytes, listen: str, ca_file: Path | None) -> None:
    for folder in (directory, directory / "keys", directory / "partners" / "keys"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    secret(directory / "keys" / "hub.key", key)
    (directory / "keys" / "hub.pem").write_text(told.certificate, "utf-8")
    (directory / "partners" / "keys" / "hub-above.pem").write_text(told.above, "utf-8")
    ca = f'ca_file = "{ca_file.resolve()}"\n' if ca_file else ""
    above = _ABOVE.format(
        above=told.hub, kinds=json.dumps([str(kind) for kind in Kind]), url=url.rstrip("/"), ca=ca
    )
    (directory / "partners" / "hub-above.toml").write_text(above, "utf-8")
    settings = _SETTINGS.format(above=told.hub, code=told.code, listen=listen)
    (directory / "lienthong.toml").write_text(settings, "utf-8")
