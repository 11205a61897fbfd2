"""What attackers make of a signed JSON message that they caught: token, header and claims, each truly signed where it can be."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import RSAKey

from signing.algorithms import sign
from signing.jose.compact import encode
from signing.jose.modi import digests

if TYPE_CHECKING:
    from collections.abc import Callable

    from signing.contract import Wire
    from tests.doubles.pki import Issued

Hostile = Iterator[tuple[str, "Wire"]]


class Caught(msgspec.Struct, frozen=True):
    """A message with a token in one of its headers. ``detached``: the token signs the body, otherwise its own claims."""

    wire: Wire
    name: str
    seal: Issued
    stranger: Issued
    address: str

    @property
    def token(self) -> str:
        return self.wire.headers[self.name]

    @property
    def detached(self) -> bool:
        return ".." in self.token

    @property
    def header(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(_decoded(self.token.split(".", maxsplit=1)[0]))
        return told

    @property
    def claims(self) -> dict[str, Any]:
        told: dict[str, Any] = json.loads(_decoded(self.token.split(".")[1]))
        return told

    def with_token(self, token: str) -> Wire:
        return msgspec.structs.replace(self.wire, headers={**self.wire.headers, self.name: token})

    def signed(
        self,
        header: bytes | None = None,
        claims: bytes | None = None,
        by: Callable[[bytes], bytes] | None = None,
    ) -> Wire:
        """Sign any header and claims; with the pinned key when nothing else is said."""
        protected, middle, _ = self.token.split(".")
        protected = protected if header is None else encode(header)
        middle = middle if claims is None else encode(claims)
        data = f"{protected}.{encode(self.wire.body) if self.detached else middle}".encode()
        made = by(data) if by else sign(self.seal.key, data)
        return self.with_token(f"{protected}.{middle}.{encode(made)}")

    def with_header(self, by: Callable[[bytes], bytes] | None = None, **more: Any) -> Wire:
        return self.signed(json.dumps({**self.header, **more}).encode(), by=by)

    def with_claims(self, **more: Any) -> Wire:
        changed = {name: value for name, value in {**self.claims, **more}.items() if value is not None}
        return self.signed(claims=json.dumps(changed).encode())


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def algorithms(caught: Caught) -> Hostile:
    public = caught.seal.certificate.public_key()
    secrets = {
        "PEM": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "DER": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "certificate": caught.seal.certificate.public_bytes(Encoding.PEM),
        "nothing": b"",
    }
    for name, secret in secrets.items():
        for size in (256, 384, 512):
            mac = lambda data, secret=secret, size=size: hmac.digest(secret, data, f"sha{size}")  # noqa: E731 - the attack
            yield f"HS{size} by {name}", caught.with_header(mac, alg=f"HS{size}")
    others = (
        None,
        0,
        ["RS256"],
        "",
        "none",
        "None",
        "NONE",
        "nOnE",
        "RS256 ",
        "rs256",
        "PS256",
        "RS512",
        "ES256",
        "EdDSA",
    )
    for other in others:
        yield f"alg {other}", caught.with_header(alg=other)
        yield f"alg {other}, no signature", caught.with_header(lambda _: b"", alg=other)
    kept = {name: value for name, value in caught.header.items() if name != "alg"}
    yield "no alg", caught.signed(json.dumps(kept).encode())


def keys(caught: Caught) -> Hostile:
    """A stranger signs and tells where the key is."""
    own = RSAKey.import_key(caught.stranger.key_file.read_bytes()).as_dict(private=False)
    shown = base64.b64encode(caught.stranger.certificate.public_bytes(Encoding.DER)).decode()
    pinned = base64.b64encode(caught.seal.certificate.public_bytes(Encoding.DER)).decode()
    thumb = encode(hashlib.sha256(caught.stranger.certificate.public_bytes(Encoding.DER)).digest())
    theirs = lambda data: sign(caught.stranger.key, data)  # noqa: E731 - the attack
    cases: dict[str, dict[str, Any]] = {
        "as the pinned one": {},
        "jwk": {"jwk": own},
        "x5u": {"x5u": caught.address},
        "jku": {"jku": caught.address},
        "jku and kid": {"jku": caught.address, "kid": caught.address},
        "x5c": {"x5c": [shown]},
        "x5c behind the pinned": {"x5c": [pinned, shown]},
        "x5c before the pinned": {"x5c": [shown, pinned]},
        "x5t": {"x5t#S256": thumb},
        "x5t and kid": {"x5t#S256": thumb, "kid": caught.stranger.name},
        "a kid that is a path": {"kid": "../../../../dev/null"},
        "a kid that asks": {"kid": "' OR 1=1 --"},
        "a kid that is an address": {"kid": caught.address},
    }
    for about, more in cases.items():
        yield f"a stranger {about}", caught.with_header(theirs, **more)


def headers(caught: Caught) -> Hostile:
    """Truly signed by the pinned key; only the rule refuses them."""
    cases: dict[str, dict[str, Any]] = {
        "crit": {"crit": ["exp"], "exp": 1},
        "an empty crit": {"crit": []},
        "b64": {"crit": ["b64"], "b64": False},
        "b64 alone": {"b64": False},
        "zip": {"zip": "DEF"},
        "x5u": {"x5u": caught.address},
        "jku": {"jku": caught.address},
        "jwk": {"jwk": {"kty": "oct", "k": "AAAA"}},
        "unknown": {"unknown": 1},
        "a kid that is no text": {"kid": {}},
    }
    for about, more in cases.items():
        yield about, caught.with_header(**more)
    written = json.dumps(caught.header).encode()
    for about, raw in {
        "alg twice": b'{"alg":"none",' + written[1:],
        "alg twice, escaped": b'{"\\u0061lg":"none",' + written[1:],
        "kid twice": b'{"kid":"x",' + written[1:],
        "a list": b"[" + written + b"]",
        "a text": b'"RS256"',
        "cut": written[:-1],
        "more behind": written + b"{}",
        "UTF-16": written.decode().encode("utf-16"),
        "deep": b'{"alg":"RS256","x":' + b"[" * 3_000 + b"]" * 3_000 + b"}",
        "not UTF-8": written[:-1] + b',"typ":"\xff"}',
    }.items():
        yield about, caught.signed(raw)


def spellings(caught: Caught) -> Hostile:
    """The same token, written so that one reader takes it and another does not."""
    token = caught.token
    first, middle, last = token.split(".")
    for about, other in {
        "padding": token + "=",
        "padding inside": f"{first}=.{middle}.{last}",
        "a part more": token + ".",
        "a part less": f"{first}.{last}",
        "no signature": f"{first}.{middle}.",
        "no header": f".{middle}.{last}",
        "half a signature": f"{first}.{middle}.{last[: len(last) // 2]}",
        "a standard alphabet": f"{first}.{middle}.{last}+/",
        "zeroes": f"{first}.{middle}.{encode(bytes(256))}",
        "JSON": json.dumps({"protected": first, "payload": middle, "signature": last}),
        "five parts": f"{first}.{middle}.{last}.{first}.{last}",
        "two tokens": f"{token}, {token}",
        "a body in a detached one": f"{first}.{encode(caught.wire.body)}.{last}",
        "long": first * 100 + f".{middle}.{last}",
    }.items():
        yield about, caught.with_token(other)
    without = {name: value for name, value in caught.wire.headers.items() if name != caught.name}
    yield "none at all", msgspec.structs.replace(caught.wire, headers=without)


def bodies(caught: Caught) -> Hostile:
    """Another body under the token that was caught; with its digest mended where there is one."""
    body = caught.wire.body
    for about, other in {
        "a blank more": body + b" ",
        "a byte changed": body.replace(b"1.009999", b"1.009998"),
        "a name twice": body.replace(b"{", b'{"x":1,', 1),
        "nothing": b"",
        "itself twice": body + body,
    }.items():
        moved = msgspec.structs.replace(caught.wire, body=other)
        yield about, moved
        mended = {**moved.headers, **digests(other)}
        yield f"{about}, digest mended", msgspec.structs.replace(moved, headers=mended)


def claims(caught: Caught) -> Hostile:
    """Claims that the pinned key signed and that say something else, too little, or it twice."""
    told = caught.claims
    signed = told["signed_headers"]
    issued = told["iat"]
    cases: dict[str, dict[str, Any]] = {
        "for another": {"aud": "urn:another"},
        "for several": {"aud": [told["aud"], "urn:another"]},
        "for nobody": {"aud": None},
        "over": {"exp": issued - 3_600, "iat": issued - 7_200, "nbf": issued - 7_200},
        "no end": {"exp": None},
        "an end far away": {"exp": issued + 10**9},
        "not yet": {"nbf": issued + 3_600},
        "from the future": {"iat": issued + 3_600},
        "an end that is text": {"exp": str(issued + 60)},
        "an end that is true": {"exp": True},
        "nothing signed": {"signed_headers": None},
        "an empty list": {"signed_headers": []},
        "an object": {"signed_headers": {"digest": signed[0].get("digest", "")}},
        "without the digest": {"signed_headers": [one for one in signed if "digest" not in "".join(one)]},
        "without the type": {"signed_headers": [one for one in signed if "content-type" not in one]},
        "one twice": {"signed_headers": [*signed, signed[0]]},
        "two in one": {"signed_headers": [{name: value for one in signed for name, value in one.items()}]},
        "in capitals": {"signed_headers": [{n.upper(): v for n, v in one.items()} for one in signed]},
        "another header": {"signed_headers": [*signed, {"x-other": "x"}]},
        "a jti that is no text": {"jti": {"x": 1}},
    }
    for about, more in cases.items():
        yield about, caught.with_claims(**more)
    raw = json.dumps(told).encode()
    yield "aud twice", caught.signed(claims=b'{"aud":"urn:another",' + raw[1:])
    yield "signed headers twice", caught.signed(claims=b'{"signed_headers":[],' + raw[1:])
    yield "deep claims", caught.signed(claims=b'{"x":' + b"[" * 3_000 + b"]" * 3_000 + b"," + raw[1:])
