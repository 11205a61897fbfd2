"""``lienthong evidence export`` and ``verify``: what proves a transfer to somebody who believes nothing but his anchors."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from hub.cli.opening import wired
from hub.evidence import papers
from hub.evidence.examining import examine
from hub.settings.file import load
from hub.store.upkeep import Stage
from hub.wiring.bundles import check as checking
from hub.wiring.bundles import export
from hub.wiring.parts import store_of
from schemas.problems import Refusal, refuse
from signing.asic.anchors import Anchors
from signing.asic.container import File
from signing.asic.signature import seal
from signing.keys.ring import KeySource
from signing.keys.ring import load as load_key
from signing.timestamps import Anchors as StampAnchors
from tests.doubles.evidence_site import CODE, DELIVERED, OCSP, RAW, REFUSED, filled, site
from tests.doubles.pki import Pki
from tests.doubles.tsa import Tsa, tsa
from tests.store.samples import acceptance
from tests.unit.test_cli_double import line

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from cryptography import x509

    from hub.wiring.bundles import Bundle, Proof
    from tests.unit.test_cli_double import Ran

NOW = datetime.now(UTC)
YEARS = timedelta(days=3 * 365)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), NOW)


@pytest.fixture(scope="module")
def authority(pki: Pki) -> Iterator[Tsa]:
    with tsa(pki) as running:
        yield running


def made(settings: Path, wanted: str = CODE, *, now: datetime = NOW) -> Bundle:
    async def write() -> Bundle:
        store = await filled(settings, NOW)
        try:
            return await export(settings, store, wanted, now)
        finally:
            await store.close()

    return asyncio.run(write())


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, pki: Pki, authority: Tsa) -> Path:
    return site(tmp_path_factory.mktemp("site"), pki, authority)


@pytest.fixture(scope="module")
def bundle(settings: Path) -> Bundle:
    return made(settings)


@pytest.mark.usefixtures("bundle")
async def test_nothing_leaves_that_other_software_does_not_confirm(settings: Path) -> None:
    asked: list[bytes] = []

    def otherwise(raw: bytes, certificate: x509.Certificate) -> None:
        asked.append(raw)
        raise refuse("HUB-EVD-012", detail=certificate.subject.rfc4514_string())

    store = store_of(load(settings))
    try:
        with pytest.raises(Refusal, match="HUB-EVD-012"):
            await export(settings, store, DELIVERED, NOW, second=otherwise)
    finally:
        await store.close()
    assert len(asked) == 1


def check(settings: Path | None, raw: bytes, anchors: Sequence[Path], now: datetime) -> Proof:
    return asyncio.run(checking(settings, raw, anchors, now))


def names(raw: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return archive.namelist()


def paper(raw: bytes, name: str) -> Any:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return json.loads(archive.read(name))


def test_a_dossiers_bundle_holds_everything_and_proves_it(settings: Path, bundle: Bundle) -> None:
    assert (bundle.transfers, bundle.messages, bundle.stamped) == (3, 3, True)
    inside = names(bundle.content)
    for name in (
        "messages/m1/received.json",
        "messages/m1/receipt.json",
        "messages/m1/receipt.jws",
        "messages/m1/journal.json",
        f"transfers/{DELIVERED}/statement.json",
        f"transfers/{DELIVERED}/statement.jws",
        f"transfers/{DELIVERED}/partner-receipt",
        f"transfers/{DELIVERED}/partner-receipt.jws",
        f"transfers/{DELIVERED}/calls/001-1.sent",
        f"transfers/{REFUSED}/non-delivery.json",
        f"transfers/{REFUSED}/non-delivery.jws",
        "report.html",
    ):
        assert name in inside, name
    proof = check(settings, bundle.content, (), NOW)
    held = [one.check for one in proof.holds]
    assert {name: held.count(name) for name in set(held)} == {
        "received": 3,
        "origin": 2,
        "receipt": 3,
        "sent": 2,
        "statement": 2,
        "non_delivery": 1,
        "entry": held.count("entry"),
    }
    assert all(one.proved for one in proof.holds if one.check == "entry")
    assert proof.checked.files["messages/m1/received.json"] == RAW
    fingerprint = proof.checked.signer.fingerprint
    assert proof.checked.files[f"revocation/{fingerprint}.der"] == OCSP
    statement = paper(bundle.content, f"transfers/{DELIVERED}/statement.json")
    assert statement["origin"]["format"] == "motcua.rest@1"
    assert statement["result"]["format"] == "land.soap@1"
    assert statement["taken"] == {"dossier.summary": "m0"}


def test_a_transfers_bundle_is_about_this_transfer_only(tmp_path: Path, pki: Pki) -> None:
    alone = made(site(tmp_path, pki), DELIVERED)
    assert (alone.transfers, alone.messages, alone.stamped, alone.unstamped) == (1, 1, False, "")
    assert not [name for name in names(alone.content) if "m2" in name]


def test_it_holds_after_the_certificates_have_ended_where_it_was_stamped(
    settings: Path, bundle: Bundle, pki: Pki
) -> None:
    anchors = [pki[name].certificate_file for name in ("root", "issuing")]
    proof = check(None, bundle.content, anchors, NOW + YEARS)
    assert proof.checked.stamped_at is not None
    assert check(settings, bundle.content, (), NOW + YEARS).holds == proof.holds


def test_nobody_is_believed_who_is_under_no_anchor(bundle: Bundle, pki: Pki, settings: Path) -> None:
    with pytest.raises(Refusal, match=r"HUB-(EVD-007|TSP-006)"):
        check(None, bundle.content, [pki["stranger-p256"].certificate_file], NOW)
    assert check(settings, bundle.content, (), NOW)


def test_what_a_person_reads_names_no_script_and_no_address(bundle: Bundle) -> None:
    with zipfile.ZipFile(io.BytesIO(bundle.content)) as archive:
        page = archive.read("report.html").decode()
    assert "Nguyễn" not in page
    assert "<script" not in page
    assert "http" not in page
    assert 'lang="vi"' in page
    assert 'lang="en"' in page
    assert page.count("<section") == page.count("</section>") == 2


# --- contradictions -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def parts(bundle: Bundle) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(bundle.content)) as archive:
        return {
            name: archive.read(name)
            for name in archive.namelist()
            if name != "mimetype" and "META-INF" not in name
        }


def believed(pki: Pki, authority: Tsa) -> Anchors:
    return Anchors(
        seals=(pki["root"].certificate,),
        stamps=StampAnchors(
            roots=(pki["root"].certificate,),
            between=(pki["issuing"].certificate,),
            policy=authority.policy,
        ),
    )


def code(parts: dict[str, bytes], pki: Pki, authority: Tsa) -> str:
    try:
        examine(parts, believed(pki, authority), NOW)
    except Refusal as refusal:
        return refusal.code
    return ""


def edited(parts: dict[str, bytes], name: str, old: bytes, new: bytes) -> dict[str, bytes]:
    assert old in parts[name], name
    return {**parts, name: parts[name].replace(old, new)}


def test_what_the_papers_say_of_each_other_must_be_true(
    parts: dict[str, bytes], pki: Pki, authority: Tsa
) -> None:
    """A hub that lies over its own good signature is caught by its own papers."""
    assert code(parts, pki, authority) == ""
    m1, d = "messages/m1", f"transfers/{DELIVERED}"
    other = "f" * 64
    digest = json.loads(parts[f"{m1}/message.json"])["sha256"].encode()
    sent = json.loads(parts[f"{d}/transfer.json"])["sha256"].encode()
    entries = json.loads(parts[f"{m1}/journal.json"])
    first = entries[0]
    wrong = {
        "bytes received": {**parts, f"{m1}/received.json": b"{}"},
        "bytes sent": {**parts, f"{d}/sealed.xml": b"<other/>"},
        "digest received": edited(parts, f"{m1}/message.json", digest, other.encode()),
        "digest sent": edited(parts, f"{d}/transfer.json", sent, other.encode()),
        "receipt": edited(parts, f"{m1}/receipt.json", digest, other.encode()),
        "statement": edited(parts, f"{d}/statement.json", sent, other.encode()),
        "statement's origin": edited(parts, f"{d}/statement.json", digest, other.encode()),
        "what was taken": edited(parts, f"{d}/statement.json", b'"m0"', b'"m9"'),
        "statement's mapping": edited(parts, f"{d}/statement.json", b"land.soap@1", b"land.soap@2"),
        "entry": edited(parts, f"{m1}/journal.json", b"motcua.rest@1", b"motcua.rest@2"),
        "hash": edited(parts, f"{m1}/journal.json", first["hash"].encode(), other.encode()),
        "way up": edited(parts, f"{m1}/journal.json", first["path"][0].encode(), other.encode()),
        "root": edited(parts, f"{m1}/journal.json", first["root"]["digest"].encode(), other.encode()),
        "another's journal": {**parts, f"{m1}/journal.json": parts["messages/m2/journal.json"]},
        "certificate": {
            name: b"x" if name.startswith("certificates/") else content for name, content in parts.items()
        },
    }
    assert {name: code(each, pki, authority) for name, each in wrong.items()} == dict.fromkeys(
        wrong, "HUB-EVD-010"
    )


def test_an_origins_signature_that_does_not_verify_is_not_claimed(
    parts: dict[str, bytes], pki: Pki, authority: Tsa
) -> None:
    message = json.loads(parts["messages/m1/message.json"])
    token = message["headers"]["x-jws-signature"].encode()
    other = edited(parts, "messages/m1/message.json", token, token[:-8] + b"AAAAAAAA")
    claimed = [
        {
            one.about.partition(":")[0]
            for one in examine(each, believed(pki, authority), NOW)
            if one.check == "origin"
        }
        for each in (parts, other)
    ]
    assert claimed[0] - claimed[1] == {"messages/m1/received.json"}


def test_signatures_over_papers_are_looked_at(parts: dict[str, bytes], pki: Pki, authority: Tsa) -> None:
    m1, d = "messages/m1", f"transfers/{DELIVERED}"
    moved = {**parts, f"{m1}/receipt.jws": parts["messages/m2/receipt.jws"]}
    assert code(moved, pki, authority) == "HUB-SIG-002"
    kept = edited(parts, f"{d}/statement.json", b'"issued_at"', b' "issued_at"')
    assert code(kept, pki, authority) == "HUB-SIG-002"
    nobody = {name: content for name, content in parts.items() if not name.startswith("certificates/")}
    assert code(nobody, pki, authority) == "HUB-CRT-001"
    stamp = next(name for name in parts if name.startswith("stamps/"))
    assert code({**parts, stamp: b"x"}, pki, authority) == "HUB-TSP-003"
    for name in (f"{m1}/journal.json", f"{m1}/message.json", f"{d}/transfer.json", stamp, papers.INDEX):
        assert code({each: parts[each] for each in parts if each != name}, pki, authority) == "HUB-EVD-004"


# --- what is gone ---------------------------------------------------------------------------------------------------


def test_what_the_hub_no_longer_keeps_is_said_to_be_absent(tmp_path: Path, pki: Pki) -> None:
    settings = site(tmp_path, pki)

    async def pruned() -> Bundle:
        store = await filled(settings, NOW, refused=False)
        await store.accept(acceptance("newest", partners=(), when=NOW))
        later = NOW + timedelta(days=1000)
        for stage in (Stage.PAYLOADS, Stage.EVIDENCE):
            await store.upkeep.prune(stage, 0, later, 100)
        bundle = await export(settings, store, DELIVERED, NOW)
        await store.close()
        return bundle

    raw = asyncio.run(pruned()).content
    message = paper(raw, "messages/m1/message.json")
    assert "its time was over" in message["absent"]
    assert "content" not in message
    proof = check(settings, raw, (), NOW)
    assert {one.check for one in proof.holds} >= {"entry", "receipt", "statement"}


def test_an_authority_that_is_silent_leaves_a_bundle_without_a_stamp(
    tmp_path: Path, pki: Pki, authority: Tsa
) -> None:
    settings = site(tmp_path, pki, authority)
    authority.mood = "down"
    try:
        bundle = made(settings)
    finally:
        authority.mood = ""
    assert (bundle.stamped, bundle.unstamped) == (False, "HUB-TSP-001")
    assert check(settings, bundle.content, (), NOW).checked.stamped_at is None


def test_without_a_key_for_it_nothing_is_exported(tmp_path: Path) -> None:
    from hub.demo.scene import build  # noqa: PLC0415 - only here

    settings = build(tmp_path / "site", 1, (2, 3, 4)).settings
    with pytest.raises(Refusal, match="HUB-EVD-011"):
        made(settings)


# --- the commands ---------------------------------------------------------------------------------------------------


def run(settings: Path, *words: str) -> Ran:
    return line("evidence", *words, "--settings", str(settings), "--lang", "en", opener=wired, now=NOW)


def test_the_commands_write_and_check_a_bundle(tmp_path: Path, pki: Pki) -> None:
    settings = site(tmp_path, pki)
    asyncio.run(_filled(settings))
    file = tmp_path / "out.asice"
    done = run(settings, "export", CODE, "--to", str(file), "--json")
    assert done.status == 0, done.err
    assert "personal data" in done.err
    assert "no time-stamp" in done.err
    assert file.stat().st_mode & 0o777 == 0o600
    assert run(settings, "export", CODE, "--to", str(file)).status == 1, "nothing is written over"
    told = run(settings, "verify", str(file), "--json")
    assert told.status == 0, told.err
    assert json.loads(told.out)["about"] == f"dossier {CODE}"
    file.write_bytes(file.read_bytes().replace(b"motcua.rest@1", b"motcua.rest@2"))
    refused = run(settings, "verify", str(file))
    assert refused.status != 0
    assert "HUB-EVD-001" in refused.err
    assert run(settings, "export", "nothing").status != 0
    nowhere = tmp_path / "nowhere.toml"
    assert run(nowhere, "verify", str(file)).status == 2


async def _filled(settings: Path) -> None:
    store = await filled(settings, NOW)
    await store.close()


def test_a_bundle_of_another_format_is_not_guessed_at(
    parts: dict[str, bytes], pki: Pki, authority: Tsa, settings: Path
) -> None:
    index = msgspec.json.decode(parts[papers.INDEX], type=papers.Index)
    newer = papers.write(msgspec.structs.replace(index, format=2))
    assert code({**parts, papers.INDEX: newer}, pki, authority) == "HUB-EVD-001"
    seal_ = pki["seal-p256"]
    key = load_key(KeySource(name="k", file=str(seal_.key_file), certificate=str(seal_.certificate_file)))
    empty = asyncio.run(seal([File("a.txt", "text/plain", b"a")], key, NOW))
    with pytest.raises(Refusal, match="HUB-EVD-004"):
        check(settings, empty, (), NOW)


def test_the_store_is_left_as_it_was(settings: Path) -> None:
    async def whole() -> tuple[str, ...]:
        store = store_of(load(settings, {}))
        try:
            return await store.conservation()
        finally:
            await store.close()

    assert asyncio.run(whole()) == ()
