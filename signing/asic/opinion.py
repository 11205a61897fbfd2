"""A second opinion on a container before it is handed out, by signxml: what leaves as proof must not rest on one reading.

signxml knows nothing of how ``signature`` writes: it canonicalises, resolves each reference to the file it names and computes
every digest anew. A verifier is made for each call (one that is shared by threads accepts the wrong certificate), and
nothing is resolved but the container's own files.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.verifier import SignatureConfiguration, XMLVerifier

from schemas.problems import Refusal, refuse
from signing.asic.container import SIGNATURE, unpack
from signing.xml.gate import parse
from signing.xml.names import DSIG, ds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography import x509
    from lxml import etree

_METHODS: Final = frozenset({SignatureMethod.RSA_SHA256, SignatureMethod.ECDSA_SHA256})
_DIGESTS: Final = frozenset({DigestAlgorithm.SHA256})


_SHELL: Final = parse(f'<a><ds:Signature xmlns:ds="{DSIG}"/></a>'.encode())


class _Verifier(XMLVerifier):
    """signxml copies the whole document for each reference, which takes minutes for a dossier of thousands of files; who
    refers to a file needs nothing of the document.
    """

    def _verify_reference(
        self,
        reference: etree._Element,
        index: int,
        root: etree._Element,
        *how: Any,  # noqa: ANN401 - handed on as it came
    ) -> Any:  # noqa: ANN401 - the library has no types here
        inside = (reference.get("URI") or "#").startswith("#")
        return super()._verify_reference(reference, index, root if inside else _SHELL, *how)  # type: ignore[no-untyped-call]


def agree(raw: bytes, certificate: x509.Certificate) -> None:
    """Raises ``Refusal`` HUB-EVD-012 unless signxml finds every file, and nothing else, signed by this certificate."""
    files, _, signature = unpack(raw)
    names = _files(signature)
    if sorted(names) != sorted(files):
        raise _otherwise("every file and nothing else signed")
    try:
        _Verifier().verify(
            signature,
            x509_cert=certificate,
            uri_resolver=lambda uri: _content(files, uri),
            expect_config=SignatureConfiguration(
                location="./",
                expect_references=len(names) + 1,  # SignedProperties
                signature_methods=_METHODS,
                digest_algorithms=_DIGESTS,
            ),
        )
    except Exception as error:  # whatever a library finds, it does not agree
        raise _otherwise("a signature that signxml verifies", type(error).__name__) from error


def _files(signature: bytes) -> list[str]:
    uris = (one.get("URI") or "" for one in parse(signature).iter(ds("Reference")))
    return [unquote(uri) for uri in uris if not uri.startswith("#")]


def _content(files: Mapping[str, bytes], uri: str) -> bytes:
    return files[unquote(uri)]


def _otherwise(rule: str, detail: str = "") -> Refusal:
    return refuse("HUB-EVD-012", SIGNATURE, rule=rule, detail=detail)
