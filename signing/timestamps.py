"""Time-stamps of an authority (RFC 3161): asked for by digest, believed only when everything about them is right.

A token is kept as its authority sent it and looked at as often as somebody wants to know; its certificates have to have been
valid when it was made, not now. What a token says of its signer beside what is signed counts for nothing: the certificate
is the one whose digest stands under the signature (RFC 5035), for time-stamping only, under one of *our* anchors.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from datetime import datetime  # noqa: TC003 - msgspec reads the annotations at run time
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from asn1crypto import cms, core, tsp
from cryptography import x509

from schemas.problems import Refusal, refuse
from signing.trust.pins import load_certificates

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Ask = Callable[[bytes], Awaitable[bytes]]
"""Carry a query to the authority, bring its reply. Raises ``Refusal`` HUB-TSP-001."""

LONGEST_TOKEN = 64 * 1024
_NONCE = 8
_DIGESTS = frozenset({"sha256", "sha384", "sha512"})
_GRANTED = frozenset({"granted", "granted_with_mods"})


class Anchors(msgspec.Struct, frozen=True, kw_only=True):
    """Whose time is believed. ``roots``: self-signed; ``between``: helps to find the way there. ``policy``: the one OID; empty: any."""

    roots: tuple[x509.Certificate, ...]
    between: tuple[x509.Certificate, ...] = ()
    policy: str = ""


class Stamp(msgspec.Struct, frozen=True, kw_only=True):
    """What a token proves. ``certificate``: of who stamped; ``nonce``: the asker's, where one was said."""

    time: datetime
    policy: str
    certificate: x509.Certificate
    nonce: int | None = None


class Stamper(Protocol):
    async def stamp(self, digest: bytes) -> bytes:
        """Return a token over a SHA-256 digest that has been looked at. Raises ``Refusal`` HUB-TSP-*."""
        ...


class Authority:
    """One authority that is asked. ``random``: that many random bytes."""

    def __init__(self, ask: Ask, anchors: Anchors, random: Callable[[int], bytes]) -> None:
        self._ask, self._anchors, self._random = ask, anchors, random

    async def stamp(self, digest: bytes) -> bytes:
        nonce = int.from_bytes(self._random(_NONCE), "big")
        reply = await self._ask(question(digest, nonce, self._anchors.policy))
        token = token_of(reply)
        if examine(token, digest, self._anchors).nonce != nonce:
            raise refuse("HUB-TSP-005", rule="the nonce of this query")
        return token


def load_anchors(files: Iterable[Path], policy: str = "") -> Anchors:
    """Read PEM bundles. Raises ``Refusal`` HUB-CRT-003 naming the file."""
    found = load_certificates(files)
    return Anchors(
        roots=tuple(one for one in found if one.subject == one.issuer),
        between=tuple(one for one in found if one.subject != one.issuer),
        policy=policy,
    )


# --- asking -----------------------------------------------------------------------------------------------------


def question(digest: bytes, nonce: int, policy: str = "") -> bytes:
    """Return the query for a SHA-256 digest, as DER; the authority's certificates are asked for (RFC 3161 §2.4.1)."""
    asked: dict[str, Any] = {
        "version": "v1",
        "message_imprint": {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": digest},
        "nonce": nonce,
        "cert_req": True,
    }
    if policy:
        asked["req_policy"] = policy
    return bytes(tsp.TimeStampReq(asked).dump())


class _Reply(core.Sequence):  # type: ignore[misc]  # the library has no types
    """``TimeStampResp`` of RFC 3161 §2.4.2: who refuses sends no token; the library's own wants one."""

    _fields = [("status", tsp.PKIStatusInfo), ("time_stamp_token", cms.ContentInfo, {"optional": True})]  # noqa: RUF012 - the library's way


def token_of(reply: bytes) -> bytes:
    """Return the token of a reply as it came. Raises HUB-TSP-002 when the authority said no, HUB-TSP-003."""
    try:
        said = _Reply.load(reply, strict=True)
        status = str(said["status"]["status"].native)
        if status not in _GRANTED:
            raise refuse(
                "HUB-TSP-002", rule=" ".join([status, *sorted(said["status"]["fail_info"].native or ())])
            )
        return bytes(said["time_stamp_token"].dump())
    except (ValueError, TypeError, KeyError) as error:
        raise _unreadable() from error


# --- looking ----------------------------------------------------------------------------------------------------


def read(token: bytes, digest: bytes, anchors: Anchors) -> datetime:
    """Return the proved time. Raises ``Refusal`` HUB-TSP-003, -004, -006, -007."""
    return examine(token, digest, anchors).time


def digest_of(token: bytes) -> str:
    """Return which digest it is over, as ``hashlib`` calls it. Raises HUB-TSP-003."""
    _, info = _parsed(token)
    return _algorithm(info)


def examine(token: bytes, digest: bytes, anchors: Anchors) -> Stamp:
    """Look at everything. Raises ``Refusal`` HUB-TSP-003, -004 (other bytes), -006 (not believed), -007 (other policy)."""
    data, info = _parsed(token)
    _algorithm(info)
    if not hmac.compare_digest(bytes(info["message_imprint"]["hashed_message"].native), digest):
        raise refuse("HUB-TSP-004", rule="a stamp over these very bytes")
    policy = str(info["policy"].dotted)
    if anchors.policy and policy != anchors.policy:
        raise refuse("HUB-TSP-007", rule=f"policy {anchors.policy}", detail=policy)
    _verify(data, digest, anchors)
    time: datetime = info["gen_time"].native
    return Stamp(time=time, policy=policy, certificate=_signer(data), nonce=info["nonce"].native)


def _parsed(token: bytes) -> tuple[cms.SignedData, tsp.TSTInfo]:
    if len(token) > LONGEST_TOKEN:
        raise _unreadable()
    try:
        data = cms.ContentInfo.load(token, strict=True)["content"]
        info = data["encap_content_info"]["content"].parsed
        _ = info.native, data["signer_infos"].native  # what is wrong inside shows here
    except Exception as error:  # whatever a parser makes of foreign bytes
        raise _unreadable() from error
    if not isinstance(info, tsp.TSTInfo):
        raise _unreadable()
    return data, info


def _algorithm(info: tsp.TSTInfo) -> str:
    name = str(info["message_imprint"]["hash_algorithm"]["algorithm"].native)
    if name not in _DIGESTS:
        raise refuse("HUB-TSP-003", rule="an imprint by SHA-256, SHA-384 or SHA-512")
    return name


def _verify(data: cms.SignedData, digest: bytes, anchors: Anchors) -> None:
    """Signature, path and purpose, all at the time that the stamp says."""
    if not anchors.roots:
        raise refuse("HUB-TSP-006", rule="a root certificate among the anchors")
    import rfc3161_client  # noqa: PLC0415 - heavy; only what looks at a stamp needs it
    from rfc3161_client.errors import VerificationError  # noqa: PLC0415

    verifier = rfc3161_client.VerifierBuilder(
        roots=list(anchors.roots), intermediates=list(anchors.between)
    ).build()
    try:
        verifier.verify(rfc3161_client.decode_timestamp_response(_as_reply(data)), digest)
    except VerificationError as error:
        raise refuse("HUB-TSP-006", rule="a stamp by an authority under the anchors") from error
    except Exception as error:  # whatever the library makes of foreign bytes
        raise _unreadable() from error


def _as_reply(data: cms.SignedData) -> bytes:
    """The verifier reads replies, and sets in DER's order only; the certificates' order is not under the signature."""
    tidy = data.copy()
    tidy["certificates"] = cms.CertificateSet(list(data["certificates"] or ()))  # written in order
    token = cms.ContentInfo({"content_type": "signed_data", "content": tidy})
    return bytes(tsp.TimeStampResp({"status": {"status": "granted"}, "time_stamp_token": token}).dump())


def _signer(data: cms.SignedData) -> x509.Certificate:
    """Return the certificate whose digest was signed (RFC 5035 §5; RFC 2634 §5.4 with SHA-1). Raises HUB-TSP-006."""
    (signer,) = data["signer_infos"]
    for attribute in signer["signed_attrs"]:
        kind = attribute["type"].native
        if kind in {"signing_certificate", "signing_certificate_v2"}:
            named = attribute["values"][0]["certs"][0]
            algorithm = (
                "sha1" if kind == "signing_certificate" else named["hash_algorithm"]["algorithm"].native
            )
            wanted = bytes(named["cert_hash"].native)
            for one in data["certificates"]:
                der = one.dump()
                if one.chosen.serial_number == signer["sid"].chosen[
                    "serial_number"
                ].native and hmac.compare_digest(
                    hashlib.new(algorithm, der, usedforsecurity=False).digest(), wanted
                ):
                    return x509.load_der_x509_certificate(der)
    raise refuse("HUB-TSP-006", rule="the signer's certificate under the signature (RFC 5035)")


def _unreadable() -> Refusal:
    return refuse("HUB-TSP-003", rule="a time-stamp token (RFC 3161)")
