"""Right and wrong pins at once, in threads and processes: no verifier ever accepts for the wrong one.

signxml's verifier kept the certificate of a call on itself and so accepted a wrong one (tests/security/test_xml_signature_threads.py
shows it): whatever form is verified, by whatever library, is held to this.
"""

from __future__ import annotations

import base64
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from schemas.problems import Refusal
from tests.doubles.pki import Pki
from tests.foreign.forms import FORMS, arrived, signed_by_us, verifier_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from signing.contract import Verifier, Wire
    from tests.foreign.forms import Form

ROUNDS = 25
OTHER = {"seal-2048": "seal-2048-next", "seal-p256": "stranger-p256"}


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), datetime.now(UTC))


@pytest.fixture
def eager_threads() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def verdict(verifier: Verifier, wire: Wire) -> str:
    try:
        return verifier.verify(wire, datetime.now(UTC)).signer.subject.split(",")[0]
    except Refusal as refusal:
        return refusal.code


def showing(pki: Pki, wire: Wire, name: str, shown: str) -> Wire:
    """The same signature beside another certificate: what the message says of its signer and who signed disagree."""
    own, other = (
        base64.b64encode(pki[each].certificate.public_bytes(Encoding.DER)) for each in (name, shown)
    )
    return msgspec.structs.replace(wire, body=wire.body.replace(own, other))


def told_apart(form: Form, wires: list[Wire], right: Path, wrong: Path, root: Path) -> list[list[str]]:
    """Verify each message under each pin in four threads that share the verifiers; return the verdicts by message and pin."""
    verifiers = [verifier_of(form, pin, root) for pin in (right, wrong)]
    tasks = [(verifier, wire) for wire in wires for verifier in verifiers] * ROUNDS
    with ThreadPoolExecutor(4) as pool:
        verdicts = list(pool.map(verdict, *zip(*tasks, strict=True)))
    kinds = len(wires) * 2
    return [sorted(set(verdicts[kind::kinds])) for kind in range(kinds)]


def hold(pki: Pki, name: str, verdicts: list[list[str]]) -> None:
    seal = FORMS[name].seal
    honest_right, honest_wrong, *swapped = verdicts
    assert honest_right == [f"CN={pki[seal].name}"], name
    for refused in (honest_wrong, *swapped):
        assert all(code.startswith("HUB-") for code in refused), (name, refused)


def messages(pki: Pki, name: str) -> list[Wire]:
    form = FORMS[name]
    honest = arrived(signed_by_us(pki, form))
    swapped = showing(pki, honest, form.seal, OTHER[form.seal])
    return [honest] if swapped == honest else [honest, swapped]


def files(pki: Pki, form: Form) -> list[Path]:
    """The right pin, a wrong one, and whose time-stamps are believed."""
    return [pki[each].certificate_file for each in (form.seal, OTHER[form.seal], "root")]


@pytest.mark.usefixtures("eager_threads")
@pytest.mark.parametrize("name", FORMS)
def test_threads_never_accept_for_the_wrong_pin(pki: Pki, name: str) -> None:
    form = FORMS[name]
    hold(pki, name, told_apart(form, messages(pki, name), *files(pki, form)))


def in_a_process(work: list[tuple[str, list[Wire], list[Path]]]) -> list[list[list[str]]]:
    sys.setswitchinterval(1e-6)
    return [told_apart(FORMS[name], wires, *files) for name, wires, files in work]


def test_processes_never_accept_for_the_wrong_pin(pki: Pki) -> None:
    """Two at once, each with its threads: what they share is only files."""
    work = [(name, messages(pki, name), files(pki, form)) for name, form in FORMS.items()]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        for told in pool.map(in_a_process, [work, work]):
            for (name, *_), verdicts in zip(work, told, strict=True):
                hold(pki, name, verdicts)
