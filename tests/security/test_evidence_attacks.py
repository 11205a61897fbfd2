"""Bundles that somebody forged, spliced or packed oddly, over real files: by a stranger, and by a hub over its own good signature."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import struct
import zipfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple
from zipfile import ZIP_DEFLATED, ZIP_STORED

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from hub.cli.opening import wired
from hub.evidence import papers, report
from hub.wiring.bundles import check, export
from schemas.problems import Refusal
from signing.asic import container
from signing.asic.container import META, MIMETYPE, File
from signing.asic.signature import seal
from signing.keys.ring import KeySource
from signing.keys.ring import load as load_key
from signing.timestamps import load_anchors, read, token_of
from signing.timestamps import question as stamp_question
from signing.trust.status import question
from tests.doubles.evidence_site import CODE, DELIVERED, REFUSED, filled, site
from tests.doubles.ocsp import authority as asked
from tests.doubles.pki import Pki
from tests.doubles.tsa import POLICY, authority, tsa
from tests.unit.test_cli_double import line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from hub.evidence.parts import Holds

M1, M2 = "messages/m1", "messages/m2"
D, R = f"transfers/{DELIVERED}", f"transfers/{REFUSED}"


class Scene(NamedTuple):
    """A hub that exported a dossier at ``now``: the bundle's parts, and who may sign others."""

    pki: Pki
    settings: Path
    now: datetime
    parts: dict[str, bytes]

    def sealed(self, parts: Mapping[str, bytes], by: str = "seal-p256") -> bytes:
        """Sign other parts, as who has that key and knows the format."""
        issued = self.pki[by]
        key = load_key(
            KeySource(name=by, file=str(issued.key_file), certificate=str(issued.certificate_file))
        )
        files = [File(name, "text/plain", content) for name, content in parts.items()]
        return asyncio.run(seal(files, key, self.now))

    def refused(self, raw: bytes) -> str:
        try:
            asyncio.run(check(self.settings, raw, (), self.now))
        except Refusal as refusal:
            return refusal.code
        return ""

    def told(self, parts: Mapping[str, bytes]) -> str:
        """What a reader hears of a hub that signed these parts."""
        return self.refused(self.sealed(parts))

    def edited(self, name: str, old: bytes, new: bytes) -> dict[str, bytes]:
        assert old in self.parts[name], name
        return {**self.parts, name: self.parts[name].replace(old, new)}

    def held(self, parts: Mapping[str, bytes]) -> list[Holds]:
        return list(asyncio.run(check(self.settings, self.sealed(parts), (), self.now)).holds)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    now = datetime.now(UTC)
    pki = Pki(tmp_path_factory.mktemp("pki"), now)
    with tsa(pki) as stamping:
        settings = site(tmp_path_factory.mktemp("site"), pki, stamping)
        yield Scene(pki, settings, now, parts_of(asyncio.run(exported(settings, now))))


async def exported(settings: Path, now: datetime, later: datetime | None = None) -> bytes:
    store = await filled(settings, now)
    try:
        return (await export(settings, store, CODE, later or now)).content
    finally:
        await store.close()


def parts_of(raw: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        names = [name for name in archive.namelist() if name != MIMETYPE and not name.startswith(META)]
        return {name: archive.read(name) for name in names}


def summed(body: bytes) -> bytes:
    return body + hashlib.sha256(body).hexdigest().encode()


# --- a hub that lies over its own good signature --------------------------------------------------------------------


def test_parts_of_one_transfer_do_not_pass_for_those_of_another(scene: Scene) -> None:
    assert scene.told(scene.parts) == ""
    m2 = json.loads(scene.parts[f"{M2}/message.json"])
    other = json.dumps({**m2, "id": "m1"}).encode()
    wrong = {
        "another's message": {**scene.parts, f"{M1}/message.json": scene.parts[f"{M2}/message.json"]},
        "another's message under this id": {**scene.parts, f"{M1}/message.json": other},
        "another's transfer": {**scene.parts, f"{D}/transfer.json": scene.parts[f"{R}/transfer.json"]},
        "derived from another's message": both(scene, b'"message": "m1"', b'"message": "m2"'),
        "of a message that is not here": both(scene, b'"message": "m1"', b'"message": "m9"'),
        "another's receipt": {**scene.parts, f"{M1}/receipt.json": scene.parts[f"{M2}/receipt.json"]},
        "another's statement": {**scene.parts, f"{D}/statement.json": scene.parts[f"{R}/statement.json"]},
        "another recipient": scene.edited(f"{D}/transfer.json", b'"so-tnmt"', b'"so-khac"'),
        "another sender": scene.edited(f"{M1}/message.json", b'"motcua-tinh"', b'"motcua-khac"'),
        "another non-delivery": scene.edited(f"{R}/non-delivery.json", b'"of":"m2"', b'"of":"m1"'),
        "another receipt of the partner": {**scene.parts, f"{D}/partner-receipt": b'{"key":"other"}'},
        "about another transfer": about(scene, REFUSED),
    }
    assert {name: scene.told(parts) for name, parts in wrong.items()} == dict.fromkeys(wrong, "HUB-EVD-010")


def both(scene: Scene, old: bytes, new: bytes) -> dict[str, bytes]:
    """The transfer and the statement agree with each other; the journal knows better."""
    statement = scene.edited(f"{D}/statement.json", old, new)[f"{D}/statement.json"]
    return {**scene.edited(f"{D}/transfer.json", old, new), f"{D}/statement.json": statement}


def about(scene: Scene, id_: str) -> dict[str, bytes]:
    index = json.loads(scene.parts["evidence.json"])
    told = {**index, "about": "transfer", "id": id_}
    return {**scene.parts, "evidence.json": json.dumps(told).encode()}


def test_times_are_those_that_the_journal_proves(scene: Scene) -> None:
    year = f"{scene.now:%Y}-".encode()
    for name, field in ((f"{M1}/message.json", b"accepted_at"), (f"{D}/statement.json", b"sealed_at")):
        old = b'"%s": "%s' % (field, year)
        assert scene.told(scene.edited(name, old, b'"%s": "2019-' % field)) == "HUB-EVD-010", name


def test_an_entry_that_nothing_proves_does_not_hide_one_that_is_proved(scene: Scene) -> None:
    """Whoever can append to the journal writes a second acceptance of other bytes, with a hash that is right."""
    entries = json.loads(scene.parts[f"{M1}/journal.json"])
    first, said = entries[0], json.loads(entries[0]["said"])
    assert said["what"] == "accepted"
    body = b'{"forged":true}'
    digest = hashlib.sha256(body).hexdigest()
    said = {**said, "seq": said["seq"] + 10_000, "facts": {**said["facts"], "digest": digest}}
    text = json.dumps(said, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    forged = {
        "said": text,
        "before": first["before"],
        "hash": hashlib.sha256(bytes.fromhex(first["before"]) + text.encode()).hexdigest(),
    }
    message = json.loads(scene.parts[f"{M1}/message.json"])
    receipt = json.loads(scene.parts[f"{M1}/receipt.json"])
    statement = json.loads(scene.parts[f"{D}/statement.json"])
    parts = {
        **scene.parts,
        f"{M1}/journal.json": json.dumps([*entries, forged]).encode(),
        f"{M1}/received.json": body,
        f"{M1}/message.json": json.dumps({**message, "sha256": digest}).encode(),
        f"{M1}/receipt.json": json.dumps({**receipt, "digest": digest}).encode(),
        f"{D}/statement.json": json.dumps(
            {**statement, "origin": {**statement["origin"], "sha256": digest}}
        ).encode(),
    }
    unsigned = {name: content for name, content in parts.items() if not name.endswith(".jws")}
    assert scene.told(unsigned) == "HUB-EVD-010"
    twice = {**scene.parts, f"{M1}/journal.json": json.dumps([*entries, entries[0]]).encode()}
    assert scene.told(twice) == "HUB-EVD-010"


def test_nothing_is_claimed_of_the_journal_that_it_does_not_say(scene: Scene) -> None:
    emptied = {**scene.parts, f"{M1}/journal.json": b"[]"}
    claimed = {(one.check, one.about) for one in scene.held(emptied)}
    assert not {about for check_, about in claimed if check_ in {"received", "sent"} and "m1" in about}
    assert ("sent", f"{R}/sealed.xml") in claimed


def test_a_part_that_the_index_does_not_name_is_not_carried_along(scene: Scene) -> None:
    for name in ("messages/m9/received.json", "transfers/t9/statement.json", "README.txt", "stamps.tst"):
        assert scene.told({**scene.parts, name: b"{}"}) == "HUB-EVD-010", name
    index = json.loads(scene.parts["evidence.json"])
    fewer = {**index, "messages": [one for one in index["messages"] if one != "m1"]}
    assert scene.told({**scene.parts, "evidence.json": json.dumps(fewer).encode()}) == "HUB-EVD-010"


def test_a_certificate_does_not_stand_under_anothers_name(scene: Scene) -> None:
    """The journal names who signed by a fingerprint; a certificate made for the occasion would put another name to it."""
    entries = json.loads(scene.parts[f"{M1}/journal.json"])
    signer = json.loads(entries[0]["said"])["facts"]["signer"]
    stranger = scene.pki["stranger-p256"].certificate_file.read_bytes()
    forged = {**scene.parts, f"certificates/{signer}.pem": stranger}
    assert f"certificates/{signer}.pem" in scene.parts
    assert scene.told(forged) == "HUB-EVD-010"


def test_what_a_partner_writes_stays_text_in_the_page(scene: Scene) -> None:
    """Senders and keys come from files and messages, the code as it was asked for."""
    script = "<script>alert(1)</script>\u202e\x1b[31m"
    message = json.loads(scene.parts[f"{M1}/message.json"])
    told = json.dumps({**message, "sender": script}).encode()
    index = papers.read_index(about(scene, script))
    page = report.as_page({**scene.parts, f"{M1}/message.json": told}, index, ()).decode()
    assert "&lt;script&gt;" in page
    for odd in ("<script", "\u202e", "\x1b"):
        assert odd not in page


# --- authorities ----------------------------------------------------------------------------------------------------


def test_an_earlier_key_that_was_revoked_takes_no_proof_from_later_ones(scene: Scene) -> None:
    """Its revocation is in every later bundle of this hub."""
    earlier = "seal-non-repudiation"
    theirs = asked(scene.pki)
    theirs.revoke(earlier, scene.now - timedelta(minutes=5))
    with_it = {**scene.parts, **standing(scene, earlier, theirs.told)}
    assert scene.told(with_it) == ""
    told = [one for one in scene.held(with_it) if one.check == "revoked"]
    assert [one.proved for one in told] == [True]


def test_what_the_hub_signed_with_a_revoked_key_is_refused(scene: Scene) -> None:
    theirs = asked(scene.pki)
    theirs.revoke("seal-p256", scene.now - timedelta(minutes=5))
    with_it = {**scene.parts, **standing(scene, "seal-p256", theirs.told)}
    assert scene.told(with_it) == "HUB-CRT-004"
    assert scene.refused(scene.sealed(with_it, "seal-non-repudiation")) == "HUB-CRT-004"


def standing(scene: Scene, name: str, answers: object) -> dict[str, bytes]:
    certificate, root = scene.pki[name].certificate, scene.pki["root"].certificate
    raw = answers(question(certificate, root, b"12345678"))  # type: ignore[operator]
    fingerprint = certificate.fingerprint(hashes.SHA256()).hex()
    return {
        f"certificates/{fingerprint}.pem": certificate.public_bytes(Encoding.PEM),
        f"revocation/{fingerprint}.der": raw,
    }


def test_an_anchor_that_is_no_authority_lets_nobody_else_in(scene: Scene) -> None:
    """The hub's own certificate as anchor: neither what its key issued nor who stamps under it counts."""
    anchor = scene.pki["seal-self-signed"].certificate_file
    own = {name: content for name, content in scene.parts.items() if name == "evidence.json"}
    index = {**json.loads(own["evidence.json"]), "messages": [], "transfers": []}
    own = {"evidence.json": json.dumps(index).encode()}
    assert asyncio.run(check(None, scene.sealed(own, "seal-self-signed"), [anchor], scene.now))
    for by in ("seal-by-a-self-signed", "seal-p256", "stranger-p256"):
        with pytest.raises(Refusal, match="HUB-EVD-007"):
            asyncio.run(check(None, scene.sealed(own, by), [anchor], scene.now))
    theirs = authority(scene.pki, "tsa-by-a-self-signed")
    token = token_of(theirs.stamp(stamp_question(b"d" * 32, 7, POLICY)))
    with pytest.raises(Refusal, match="HUB-TSP-006"):
        read(token, b"d" * 32, load_anchors([anchor]))


def test_what_was_accepted_while_the_clock_was_ahead_is_proved_once_it_is_right(
    scene: Scene, tmp_path: Path
) -> None:
    """Its receipt says tomorrow; in a year when its key would have ended it has no signature, and the rest holds."""
    for number, (ahead, signed) in enumerate(
        ((timedelta(days=1), {"receipt"}), (timedelta(days=1095), set()))
    ):
        settings = site(tmp_path / str(number), scene.pki)
        raw = asyncio.run(exported(settings, scene.now + ahead, scene.now))
        held = {one.check for one in asyncio.run(check(settings, raw, (), scene.now)).holds}
        assert held >= {"statement", "received", "sent"}
        assert held & {"receipt"} == signed, ahead


# --- odd archives ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["../evil", "/evil", f"{META}evil.txt", "a~", "a" * 300, "a\x1b[31m", "\u202egnp.exe", "C:\\evil", "a/"],
)
def test_a_strangers_archive_with_an_odd_name_is_refused_by_the_form(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Signed well, by a certificate of its maker's own: the names are read before anybody is believed."""
    with monkeypatch.context() as loose:
        loose.setattr(container, "_is_plain", lambda _: True)
        raw = scene.sealed({name: b"x"}, "stranger-p256")
    assert scene.refused(raw) == "HUB-EVD-001"


def archive(entries: Mapping[str, bytes], method: int = ZIP_STORED) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", method) as made:
        for name, content in entries.items():
            made.writestr(name, content)
        made.comment = b"sha256:" + b"0" * 64
    return held.getvalue()[:-64]


def test_nothing_compressed_is_ever_unpacked(scene: Scene) -> None:
    """Not even a bomb, or what breaks an unpacker."""
    packed = archive({MIMETYPE: b"x", "a.txt": bytes(1 << 20)}, ZIP_DEFLATED)
    assert scene.refused(summed(packed)) == "HUB-EVD-009"
    place = packed.index(b"a.txt") + 5
    broken = packed[:place] + bytes([packed[place] ^ 6]) + packed[place + 1 :]
    assert scene.refused(summed(broken)) == "HUB-EVD-009"
    lies = packed.replace(struct.pack("<L", 1 << 20), struct.pack("<L", 10))
    assert scene.refused(summed(lies)) == "HUB-EVD-009"


def test_a_list_of_very_many_files_is_not_even_read(scene: Scene) -> None:
    packed = archive({MIMETYPE: b"x"})
    end = len(packed) - 22 - 7
    assert packed[end : end + 4] == b"PK\5\6"
    for size in (40_000_000, 0xFFFFFFFF):
        told = packed[: end + 12] + struct.pack("<L", size) + packed[end + 16 :]
        assert scene.refused(summed(told)) == "HUB-EVD-009"
    assert scene.refused(summed(b"")) == "HUB-EVD-001"
    assert scene.refused(b"") == "HUB-EVD-001"


def test_the_command_tells_an_odd_archive_from_a_defect_of_its_own(scene: Scene, tmp_path: Path) -> None:
    file = tmp_path / "odd.asice"
    file.write_bytes(summed(archive({MIMETYPE: b"x", "a\x1b[31m": b""})))
    words = ("evidence", "verify", str(file), "--settings", str(scene.settings), "--lang", "en")
    told = line(*words, opener=wired, now=scene.now)
    assert told.status == 1
    assert "HUB-EVD-001" in told.err
    assert "\x1b" not in told.err + told.out
