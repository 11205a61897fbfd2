"""Every cell of ``matrix.toml`` is so: with real foreign software, both ways, and with one byte changed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from schemas.problems import Refusal
from signing.contract import Wire
from signing.profiles import JoseProfile, JwsProfile, ModiProfile
from tests.foreign.forms import CHANGED, CONTAINERS, FORMS, ROWS, arrived, cells, signed_by_us, verifier_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from signing.contract import Verified
    from tests.doubles.pki import Pki
    from tests.foreign.forms import Form
    from tests.foreign.peers import Answer, Fields, Peers

pytestmark = pytest.mark.xdist_group("foreign")


def verified_by_us(pki: Pki, form: Form, wire: Wire) -> Verified:
    verifier = verifier_of(form, pki[form.seal].certificate_file, pki["root"].certificate_file)
    return verifier.verify(arrived(wire), datetime.now(UTC))


def asked(pki: Pki, form: Form, more: Fields) -> Fields:
    seal = pki[form.seal]
    return {
        "certificate": seal.certificate_file.read_bytes(),
        "root": pki["root"].certificate_file.read_bytes(),
        **more,
    }


def verified_by(peers: Peers, peer: str, pki: Pki, form: Form, wire: Wire) -> Answer:
    headers = dict(arrived(wire).headers)
    token = headers.get(form.profile.header.lower(), "") if isinstance(form.profile, JoseProfile) else ""
    told = {"document": wire.body, "headers": json.dumps(headers).encode(), "token": token.encode()}
    return peers.ask(peer, "verify" + form.verb, asked(pki, form, {**told, **form.task}))


def made_by(peers: Peers, peer: str, pki: Pki, form: Form) -> Wire:
    """``ours``: the same message as we signed it, for a signer that fills in the values of another's signature."""
    told = {"document": form.document, "ours": signed_by_us(pki, form).body}
    key = pki[form.seal].key_file.read_bytes()
    answer = peers.ask(peer, "sign" + form.verb, asked(pki, form, {"key": key, **told, **form.task}))
    assert answer.word == "done", answer.said.decode()
    match form.profile:
        case JwsProfile():
            return Wire(body=form.document, headers={form.profile.header: answer.said.decode()})
        case ModiProfile():
            return Wire(body=form.document, headers=json.loads(answer.said))
        case _:
            return Wire(body=answer.said)


def test_the_matrix_names_every_form_and_no_other() -> None:
    assert ROWS.keys() == FORMS.keys() | CONTAINERS.keys()


@pytest.mark.parametrize(("name", "peer"), cells("both", "verifies"))
def test_it_verifies_what_we_sign_and_not_with_one_byte_changed(
    peers: Peers, pki: Pki, record_property: Callable[[str, object], None], name: str, peer: str
) -> None:
    form = FORMS[name]
    wire = signed_by_us(pki, form)
    answer = verified_by(peers, peer, pki, form, wire)
    assert answer.good, answer.said.decode()
    assert CHANGED[0] in wire.body
    forged = Wire(body=wire.body.replace(*CHANGED, 1), headers=wire.headers)
    assert not verified_by(peers, peer, pki, form, forged).good
    record_property("foreign", f"{name} {peer} verifies")


@pytest.mark.parametrize(("name", "peer"), cells("both", "signs"))
def test_we_verify_what_it_signs_and_not_with_one_byte_changed(
    peers: Peers, pki: Pki, record_property: Callable[[str, object], None], name: str, peer: str
) -> None:
    form = FORMS[name]
    wire = made_by(peers, peer, pki, form)
    assert CHANGED[0] in verified_by_us(pki, form, wire).payload
    forged = Wire(body=wire.body.replace(*CHANGED, 1), headers=wire.headers)
    with pytest.raises(Refusal, match=r"HUB-SIG-00[23]"):
        verified_by_us(pki, form, forged)
    record_property("foreign", f"{name} {peer} signs")


@pytest.mark.parametrize(("name", "peer"), cells("no"))
def test_what_it_cannot_verify_it_still_cannot(
    peers: Peers, pki: Pki, record_property: Callable[[str, object], None], name: str, peer: str
) -> None:
    form = FORMS[name]
    assert not verified_by(peers, peer, pki, form, signed_by_us(pki, form)).good
    record_property("foreign", f"{name} {peer} no")
