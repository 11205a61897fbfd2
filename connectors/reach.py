"""How a partner is reached, as its file says it: addresses, certificates, times, and the secrets in files beside it.

The certificate check has no switch. With ``ca_file`` only that bundle is trusted (pinned per partner).
"""

from __future__ import annotations

import ipaddress
import re
import ssl
from functools import cache
from pathlib import Path
from typing import Annotated, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from schemas.problems import refuse

USER_AGENT = "lienthong/1"
SHORTEST_SECRET = 8
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
NO_TARGET = re.compile(r"[\x00-\x20\x7f#]")
"""What no address and no path may hold."""

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h)$")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def _seconds(value: object) -> object:
    match = _DURATION.match(value) if isinstance(value, str) else None
    if match is None and isinstance(value, str):
        raise ValueError('a duration: "500ms", "30s", "5m" or "1h"')
    return float(match[1]) * _UNITS[match[2]] if match else value


def _reachable(url: str) -> str:
    if NO_TARGET.search(url):
        raise ValueError("an address holds no spaces, control characters or fragment")
    parts = urlsplit(url)
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("an http(s) address with a host is expected")
    if parts.username is not None or parts.query or parts.port == 0:
        raise ValueError("an address holds no credentials or query, and no port 0")
    parts.hostname.encode("idna")  # raises UnicodeError, which is a ValueError
    return url.rstrip("/")


def _closed(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("http:// is for loopback only; use https://")
    return url


def is_loopback(host: str) -> bool:
    """True for ``localhost`` and loopback addresses."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


Seconds = Annotated[float, BeforeValidator(_seconds), Field(gt=0, le=86_400)]
"""A number of seconds or ``"500ms"``, ``"30s"``, ``"5m"``, ``"1h"``."""

LocalFile = Path
"""A file of the partner's; whoever reads the partner's file makes it absolute."""

Address = Annotated[str, AfterValidator(_reachable), AfterValidator(_closed)]

OpenAddress = Annotated[str, AfterValidator(_reachable)]
"""Where what is answered is signed in itself and nothing secret is said: plain http is the rule there (RFC 6960 appendix A)."""


class Reach(BaseModel):
    """How a partner is reached; every HTTP room's settings begin with these.

    ``signs`` and ``believes``: the bindings by which this kind of room can have each call signed, and its replies verified.
    A room that does not look at ``Outfit.envelopes`` names none.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    signs: ClassVar[frozenset[str]] = frozenset()
    believes: ClassVar[frozenset[str]] = frozenset()

    base_url: Address
    ca_file: LocalFile | None = None
    client_certificate_file: LocalFile | None = None
    client_key_file: LocalFile | None = None
    connect_timeout: Seconds = 10.0
    read_timeout: Seconds = 60.0
    total_timeout: Seconds = 120.0
    max_reply_bytes: Annotated[int, Field(gt=0, le=64 * 2**20)] = 4 * 2**20
    connect_tries: Annotated[int, Field(ge=1, le=5)] = 3

    @model_validator(mode="after")
    def _a_key_needs_its_certificate(self) -> Self:
        if (self.client_key_file is None) != (self.client_certificate_file is None):
            raise ValueError("client_certificate_file and client_key_file stand together")
        return self


class OpenReach(Reach):
    """How a service of an authority is reached: time-stamps, the state of certificates."""

    base_url: OpenAddress


def read_secret(path: Path) -> str:
    """Read a secret's file (one line of text). Raises ``Refusal`` HUB-CFG-001; the path is named, the content never."""
    try:
        text = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise refuse("HUB-CFG-001", str(path), rule="secret file", detail="cannot be read") from None
    if len(text) < SHORTEST_SECRET or CONTROL.search(text):
        raise refuse("HUB-CFG-001", str(path), rule="secret file", detail="one line of at least 8 characters")
    return text


def tls(reach: Reach) -> ssl.SSLContext:
    """TLS 1.2 or newer, names and chains checked. Raises ``Refusal`` when a file is missing or wrong."""
    if reach.ca_file is None and reach.client_certificate_file is None:
        return _of_this_machine()
    try:
        context = _checking(reach.ca_file)
    except (OSError, ssl.SSLError):
        raise refuse("HUB-CFG-001", "ca_file", rule="PEM bundle", detail=str(reach.ca_file)) from None
    if reach.client_certificate_file is not None:
        try:
            context.load_cert_chain(reach.client_certificate_file, reach.client_key_file)
        except (OSError, ssl.SSLError):
            raise refuse("HUB-CRT-003", "client_certificate_file", rule="PEM pair") from None
    return context


@cache
def _of_this_machine() -> ssl.SSLContext:
    """What whoever names no file is reached with. Read once: the machine's bundle takes 20 ms, and there are 3,000 partners."""
    return _checking(None)


def _checking(bundle: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=bundle)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
