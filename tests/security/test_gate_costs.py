"""No hostile message costs more than 50 ms of CPU for each 100 KB before a key is used, at the gate of any XML binding."""

from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from schemas.problems import Refusal
from tests.doubles.pki import Pki
from tests.foreign.forms import FORMS, signed_by_us, verifier_of
from tests.security.floods import floods

if TYPE_CHECKING:
    from signing.contract import Verifier, Wire

NOW = datetime.now(UTC)
CPU, PER = 0.050, 100_000
XML_FORMS = ("enveloped-document-rsa", "detached-rsa", "xades-t", "scoped", "edxml", "wss-11-rsa")
"""One of each binding: forms that differ in a key or in how it is named share their gate."""


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


def cost(verifier: Verifier, wire: Wire) -> float:
    """Return the seconds of CPU until the refusal; a flood that changes nothing of what is signed may be taken."""
    started = time.process_time()
    with contextlib.suppress(Refusal):
        verifier.verify(wire, datetime.now(UTC))
    return time.process_time() - started


def chosen(name: str, raw: bytes) -> list[tuple[str, bytes]]:
    """All floods for the first form, every fourth for each of the others; they share the gate, not the places."""
    number = XML_FORMS.index(name)
    return list(islice(floods(raw), number % 4, None, 4 if number else 1))


def test_every_binding_of_xml_is_flooded() -> None:
    every = {type(form.profile) for form in FORMS.values() if not form.verb}
    assert {type(FORMS[name].profile) for name in XML_FORMS} == every


@pytest.mark.parametrize("name", XML_FORMS)
def test_a_flood_costs_little_before_a_key_is_used(pki: Pki, name: str) -> None:
    form = FORMS[name]
    wire = signed_by_us(pki, form)
    verifier = verifier_of(form, pki[form.seal].certificate_file, pki["root"].certificate_file)
    dear = []
    listed = chosen(name, wire.body)
    assert len(listed) > 120
    for about, raw in listed:
        flooded = type(wire)(body=raw, headers=wire.headers, method=wire.method, target=wire.target)
        most = CPU * max(1.0, len(raw) / PER)
        seconds = cost(verifier, flooded)
        if seconds > most:  # other work shares the machine: the best of four counts
            seconds = min(cost(verifier, flooded) for _ in range(3))
        if seconds > most:
            dear.append((about, len(raw), round(seconds, 3)))
    assert not dear
