"""Where a request comes from: its address behind our own proxies, and the client certificate that one of them passes on."""

from __future__ import annotations

import base64
import hashlib
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.datastructures import Headers

Network = IPv4Network | IPv6Network
CERTIFICATE = "client-cert"


def inside(address: str, networks: Sequence[Network]) -> bool:
    if not networks:
        return False
    try:
        found: IPv4Address | IPv6Address = ip_address(address)
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return any(found in network for network in networks)


def address_of(peer: str, headers: Headers, proxies: Sequence[Network]) -> str:
    """The nearest address that is no proxy of ours; what stands left of it anybody could have written."""
    if not inside(peer, proxies):
        return peer
    told = ",".join(headers.getlist("x-forwarded-for"))  # a proxy may add a line of its own behind a caller's
    hops = [hop.strip() for hop in told.split(",") if hop.strip()]
    caller = peer
    while hops and inside(caller, proxies):
        caller = hops.pop()
    return caller


def certificate_of(peer: str, headers: Headers, proxies: Sequence[Network]) -> str:
    """Return SHA-256 (hex) of the client certificate (RFC 9440: ``:base64 of DER:``); empty when nobody we trust says one."""
    told = headers.get(CERTIFICATE, "").strip()
    if not told or not inside(peer, proxies):
        return ""
    try:
        return hashlib.sha256(base64.b64decode(told.strip(":"), validate=True)).hexdigest()
    except ValueError:
        return ""
