"""What an element means by itself, wherever it stands: the same bytes as libxml2 makes of a node-set in xmlsec1."""

from __future__ import annotations

import base64
import hashlib
import re
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from schemas.problems import Refusal
from signing.xml.canonical import Step, canonical
from signing.xml.names import DSIG, EXCLUSIVE, INCLUSIVE, SHA256

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENT = (
    b'<a xmlns="urn:a" xmlns:p="urn:p" xmlns:unused="urn:unused" xml:lang="vi" xml:space="preserve">'
    b'<p:b %s xml:lang="en" Id="x"><!-- x --><c xmlns:q="urn:q" q:z="1" a=\'2\'>&#13; "x"<![CDATA[<&]]><d><e f="1"/></d></c></p:b> tail</a>'
)
TRANSFORMS = {
    "exclusive": Step(EXCLUSIVE),
    "exclusive with prefixes": Step(EXCLUSIVE, ("p", "unused", "#default", "nowhere")),
    "inclusive": Step(INCLUSIVE),
}


def digest_by_xmlsec1(folder: Path, document: bytes, step: Step) -> bytes:
    """Let xmlsec1 sign ``#x`` in the document with a secret key, and read the digest that it made."""
    prefixes = " ".join(step.prefixes)
    inside = f'<e:InclusiveNamespaces xmlns:e="{EXCLUSIVE}" PrefixList="{prefixes}"/>' if prefixes else ""
    signature = (
        f'<Signature xmlns="{DSIG}"><SignedInfo><CanonicalizationMethod Algorithm="{EXCLUSIVE}"/>'
        '<SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#hmac-sha256"/><Reference URI="#x"><Transforms>'
        f'<Transform Algorithm="{step.algorithm}">{inside}</Transform></Transforms><DigestMethod Algorithm="{SHA256}"/>'
        "<DigestValue/></Reference></SignedInfo><SignatureValue/></Signature></a>"
    )
    file, secret = folder / "blank.xml", folder / "secret"
    file.write_bytes(document.replace(b"</a>", signature.encode()))
    secret.write_bytes(b"x" * 32)
    command = ["xmlsec1", "--sign", "--hmackey", str(secret), "--id-attr:Id", "urn:p:b", str(file)]
    told = subprocess.run(command, capture_output=True, check=True).stdout
    found = re.search(rb"<DigestValue>(.*?)</DigestValue>", told, re.DOTALL)
    assert found
    return base64.b64decode(found.group(1))


@pytest.mark.parametrize("default", [b"", b'xmlns=""', b'xmlns="urn:d"'], ids=["inherited", "none", "own"])
@pytest.mark.parametrize("step", TRANSFORMS.values(), ids=TRANSFORMS)
def test_xmlsec1_makes_the_same_of_an_element_inside_a_document(
    tmp_path: Path, step: Step, default: bytes
) -> None:
    document = DOCUMENT % default
    made = canonical(etree.fromstring(document)[0], step)
    assert hashlib.sha256(made).digest() == digest_by_xmlsec1(tmp_path, document, step)


def test_the_apex_bears_what_it_inherits_and_the_document_keeps_nothing_of_it() -> None:
    root = etree.fromstring(DOCUMENT % b'xmlns=""')
    before = etree.tostring(root)
    made = canonical(root[0], Step(INCLUSIVE))
    assert made.startswith(
        b'<p:b xmlns:p="urn:p" xmlns:unused="urn:unused" Id="x" xml:lang="en" xml:space="preserve">'
    )
    assert etree.tostring(root) == before


@settings(deadline=None, max_examples=100)
@given(text=st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20))
def test_canonical_bytes_are_their_own_canonical_form(text: str) -> None:
    one = etree.Element("{urn:x}a", {"b": text})
    one.text = text
    made = canonical(one)
    assert canonical(etree.fromstring(made)) == made == canonical(one, Step(INCLUSIVE))


def test_what_cannot_be_canonicalised_is_refused() -> None:
    with pytest.raises(Refusal, match="HUB-SIG-005"):
        canonical(etree.fromstring(b'<a xmlns="relative"/>'))
