"""A key that lies in a token (PKCS#11) and never leaves it: a card, a stick, an HSM. Needs the extra ``[hsm]``.

A session belongs to one process, which must not fork after. One that is gone (the token was pulled, its service restarted) is
opened anew, once; when that does not help, nobody signs for now, and the next who asks tries again.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from stat import S_IMODE
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from schemas.problems import Problem, Refusal, refuse
from signing.algorithms import PublicKey, usable, verifies
from signing.trust.pins import fingerprints

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from signing.keys.ring import KeySource

SILENT = "HUB-KEY-002"
SECRET_BITS = 0o077
_TRIES = 2
_PROBE = b"lienthong"


class TokenKey:
    """``signing.contract.Key``; shared by threads. ``turn``: held while the token's library is called; one for all keys of a ring,
    because Python's binding promises libraries that only one thread calls them (``C_Initialize`` without locks).
    """

    def __init__(
        self, name: str, certificate: x509.Certificate, find: Callable[[], Any], turn: threading.Lock
    ) -> None:
        """``find`` opens a session and returns the key in it."""
        self.name, self.certificate = name, certificate
        self.fingerprint, self.thumbprint = fingerprints(certificate.public_bytes(Encoding.DER))
        self.subject = certificate.subject.rfc4514_string()
        self.is_rsa = isinstance(certificate.public_key(), rsa.RSAPublicKey)
        self.warnings: tuple[Problem, ...] = ()
        self._find, self._turn = find, turn
        self._key: Any = None

    @property
    def certificate_text(self) -> bytes:
        return base64.b64encode(self.certificate.public_bytes(Encoding.DER))

    def sign(self, data: bytes) -> bytes:
        """Raises ``Refusal`` HUB-KEY-002 while the token does not answer."""
        why: Exception | None = None
        for _ in range(_TRIES):
            try:
                with self._turn:
                    return self._signed(data)
            except Exception as error:  # noqa: BLE001 - whatever a token's own library raises
                why, self._key = error, None
        raise refuse(SILENT, self.name, rule="a token that signs", detail=type(why).__name__) from why

    def _signed(self, data: bytes) -> bytes:
        from pkcs11 import Mechanism  # noqa: PLC0415 - the extra is loaded where it is used only

        if self._key is None:
            self._key = self._find()
        if self.is_rsa:
            return bytes(self._key.sign(data, mechanism=Mechanism.SHA256_RSA_PKCS))
        return bytes(self._key.sign(hashlib.sha256(data).digest(), mechanism=Mechanism.ECDSA))


def load(source: KeySource, turn: threading.Lock) -> TokenKey:
    """Find the key in its token and see that it is the certificate's. Raises ``Refusal`` HUB-CRT-003."""
    try:
        certificate = x509.load_pem_x509_certificate(Path(source.certificate).read_bytes())
        pin = Path(source.pin_file).read_text("utf-8").strip()
    except (OSError, ValueError) as error:
        rule = "a certificate (PEM) and a pin_file that can be read"
        raise refuse("HUB-CRT-003", source.place, rule=rule, detail=type(error).__name__) from error
    public = certificate.public_key()
    rule = usable(public, source.minimum_rsa_bits)
    if rule or not isinstance(public, PublicKey):
        raise refuse("HUB-CRT-003", source.place, rule=rule)
    key = TokenKey(source.name, certificate, lambda: _found(source, pin), turn)
    try:
        if not verifies(public, _PROBE, key.sign(_PROBE)):
            raise refuse("HUB-CRT-003", source.place, rule="the certificate of this key")
    except Refusal as refusal:
        if refusal.code != SILENT:
            raise
        why = refusal.problems[0].detail
        raise refuse(
            "HUB-CRT-003", source.place, rule="a token with this key and PIN", detail=why
        ) from refusal
    if S_IMODE(Path(source.pin_file).stat().st_mode) & SECRET_BITS:
        name = Path(source.pin_file).name
        key.warnings = (Problem(code="HUB-CRT-003", place=source.place, rule="file mode 0600", detail=name),)
    return key


def _found(source: KeySource, pin: str) -> Any:  # noqa: ANN401 - of the token's own library, which has no types
    """Open a session and find the key. Who is logged in once is logged in for the whole process (PKCS#11 v3.0 §5.6.8)."""
    import pkcs11  # noqa: PLC0415 - the extra is loaded where it is used only
    from pkcs11.exceptions import UserAlreadyLoggedIn  # noqa: PLC0415 - the extra

    token = pkcs11.lib(source.module).get_token(token_label=source.token)
    try:
        session = token.open(user_pin=pin)
    except UserAlreadyLoggedIn:
        session = token.open()
    return session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=source.label)
