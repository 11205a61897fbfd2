"""WS-Security UsernameToken profile 1.1 as the tax gateway reads it: the password as a digest, ``Base64(SHA-1(nonce + created + password))``, or as text."""

from __future__ import annotations

import base64
import binascii
import hashlib

from lxml import etree

WSSE = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd}"
WSU = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}"
SOAP = "{http://schemas.xmlsoap.org/soap/envelope/}"


def proved(envelope: bytes, password: str) -> bytes | None:
    """Return the nonce of a token that knows the password."""
    try:
        root = etree.fromstring(envelope, etree.XMLParser(resolve_entities=False, no_network=True))
        tokens = root.findall(f"{SOAP}Header/{WSSE}Security/{WSSE}UsernameToken")
        if len(tokens) != 1 or not tokens[0].findtext(f"{WSSE}Username"):
            return None
        nonce = base64.b64decode(tokens[0].findtext(f"{WSSE}Nonce") or "", validate=True)
    except (etree.XMLSyntaxError, binascii.Error):
        return None
    created, shown = tokens[0].findtext(f"{WSU}Created") or "", tokens[0].find(f"{WSSE}Password")
    if shown is None or not nonce or not created:
        return None
    made = hashlib.sha1(nonce + created.encode() + password.encode()).digest()  # noqa: S324 - the profile's
    digested = (shown.get("Type") or "").endswith("#PasswordDigest")
    return nonce if shown.text == (base64.b64encode(made).decode() if digested else password) else None
