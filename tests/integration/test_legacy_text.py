"""Partners whose letters are from before Unicode: what is kept is what came, what is read on is Vietnamese."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from hub.store.contract.views import Filter
from schemas.legacy_text import Text, as_came, as_utf8, name_as_utf8, stand_in
from schemas.problems import Refusal
from tests.integration.intake_house import LAND, PROVINCE, Parts, house, parts, proof, recipient, sender

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 23, 5, tzinfo=UTC)
PLAIN = "Cộng hòa xã hội chủ nghĩa Việt Nam, Nguyễn Văn Ánh, Đường Ưng, 100 m², kỹ thuật, quỹ"
VNI = "Coäng hoøa xaõ hoäi chuû nghóa Vieät Nam, Nguyeãn Vaên AÙnh, Ñöôøng Öng, 100 m², kyõ thuaät, quyõ"
TCVN3 = "Céng hßa x· héi chñ nghÜa ViÖt Nam, NguyÔn V¨n ¸nh, §­êng ¦ng, 100 m², kü thuËt, quü"
IN_1258 = "Cô\u0323ng ho\u0300a xa\u0303 hô\u0323i chu\u0309 nghi\u0303a Viê\u0323t Nam, Nguyê\u0303n Văn A\u0301nh, Đươ\u0300ng Ưng, 100 m², ky\u0303 thuâ\u0323t, quy\u0303"
SMALL = PLAIN.replace("Ánh", "ánh")
"""TCVN3 has no capital letters with tones of their own: capital fonts wrote them."""

SAID = {
    Text.VNI: (VNI.encode("cp1252"), PLAIN),
    Text.VNI_IN_UTF_8: (VNI.encode(), PLAIN),
    Text.TCVN3: (TCVN3.encode("cp1252"), SMALL),
    Text.TCVN3_IN_UTF_8: (TCVN3.encode(), SMALL),
    Text.WINDOWS_1258: (IN_1258.encode("cp1258"), PLAIN),
}


@pytest.mark.parametrize("written", SAID, ids=str)
def test_letters_from_before_unicode_are_read(written: Text) -> None:
    raw, plain = SAID[written]
    assert as_utf8(raw, written, "json").decode() == plain
    assert as_utf8(b"<a>\n" + raw + b"</a>", written, "xml").decode() == f"<a>\n{plain}</a>"


def test_every_letter_of_vni_is_one_letter() -> None:
    lines = [
        ("aù aø aû aõ aï aâ aá aà aå aã aä aê aé aè aú aü aë", "á à ả ã ạ â ấ ầ ẩ ẫ ậ ă ắ ằ ẳ ẵ ặ"),
        ("eù eø eû eõ eï eâ eá eà eå eã eä", "é è ẻ ẽ ẹ ê ế ề ể ễ ệ"),
        ("í ì æ ó ò", "í ì ỉ ĩ ị"),
        ("où oø oû oõ oï oâ oá oà oå oã oä ô ôù ôø ôû ôõ ôï", "ó ò ỏ õ ọ ô ố ồ ổ ỗ ộ ơ ớ ờ ở ỡ ợ"),
        ("uù uø uû uõ uï ö öù öø öû öõ öï", "ú ù ủ ũ ụ ư ứ ừ ử ữ ự"),
        ("yù yø yû yõ î ñ", "ý ỳ ỷ ỹ ỵ đ"),
    ]
    for written, plain in lines:
        for before, after in ((written, plain), (written.upper(), plain.upper())):
            assert as_utf8(before.encode(), Text.VNI_IN_UTF_8, "json").decode() == after


def test_escaped_letters_are_letters_and_escaped_escapes_are_not() -> None:
    told = as_utf8(b'{"a": "Nguy\\u00d4n \\\\u00d4 \\u0041"}', Text.TCVN3_IN_UTF_8, "json")
    assert json.loads(told) == {"a": "Nguyễn \\u00d4 A"}
    told = as_utf8(b"<a>Nguy&#212;n V&#xA8;n &#60; &#x1ED3;</a>", Text.TCVN3_IN_UTF_8, "xml")
    assert told.decode() == "<a>Nguyễn Văn &#60; &#x1ED3;</a>"


def test_a_document_says_its_new_code_page() -> None:
    raw = b"<?xml version='1.0' encoding='windows-1258' standalone=\"yes\"?><a/>"
    assert as_utf8(raw, Text.WINDOWS_1258, "xml") == raw.replace(b"windows-1258", b"UTF-8")


def test_a_byte_that_the_code_page_does_not_have_is_named_by_its_line() -> None:
    with pytest.raises(Refusal, match="HUB-SCH-008") as caught:
        as_utf8(b"a\nb\n\x81", Text.VNI, "json")
    assert caught.value.problems[0].line == 3


def test_what_stands_in_for_old_letters_is_json_and_becomes_them_again() -> None:
    raw = b'{"a": "' + bytes(range(0x80, 0x100)) + b'"}'
    assert json.loads(stand_in(raw))
    assert as_came(stand_in(raw)) == raw
    assert json.loads(as_came('["ệ😀á"]'.encode(), own=True)) == ["ệ😀á"]
    assert as_came('["ệ😀á"]'.encode()) == b'["\\u1ec7\\ud83d\\ude00\xe1"]'
    assert name_as_utf8('"Phieáu\\" ', Text.VNI) == '"Phiếu\\" '


def old(folder: Path, written: Text, signed: str = "") -> Parts:
    folder.mkdir()
    told = sender("desk", PROVINCE, [PROVINCE], proof=f'text = "{written}"\n{signed}')
    (folder / "desk.toml").write_text(told)
    (folder / "land.toml").write_text(recipient("land", LAND, "decides"))
    return parts(folder)


@pytest.mark.parametrize("written", [Text.VNI, Text.TCVN3_IN_UTF_8])
async def test_such_a_message_is_taken_in_and_its_bytes_kept_as_they_came(
    tmp_path: Path, written: Text
) -> None:
    raw, plain = SAID[written]
    media = {"Content-Type": f"application/json; charset={'vni' if written.in_bytes else 'utf-8'}"}
    async with house(tmp_path, old(tmp_path / "partners", written), lambda: NOW) as hub:
        told = json.dumps(hub.received(applicant={"name": "@"})).encode().replace(b"@", raw)
        assert (await hub.post(told, key="a", headers=media)).status == 202
        assert (await hub.post(told, key="a", headers=media)).headers["Idempotency-Replayed"] == "true"
        [transfer] = await hub.store.transfers(Filter())
        kept = await hub.store.payloads(transfer.id)
        assert kept is not None
        assert kept.raw == told
        assert json.loads(kept.canonical)["dossier"]["applicant"]["name"] == plain


async def test_what_is_wrong_with_such_a_message_is_found_in_its_own_lines(tmp_path: Path) -> None:
    raw, _ = SAID[Text.VNI]
    async with house(tmp_path, old(tmp_path / "partners", Text.VNI), lambda: NOW) as hub:
        body = hub.received(procedure={"national": "9.999999"}, applicant={"name": "@"})
        told = json.dumps(body, indent=1).encode().replace(b"@", raw)
        refused = await hub.post(told, key="a")
        assert (refused.status, refused.code) == (422, "HUB-DOS-005")
        [error] = refused["errors"]
        assert b"9.999999" in told.splitlines()[error["line"] - 1]
        other = await hub.post(told.replace(b"9.999999", b"1.009999") + b"\n\x8d", key="b")
        assert (other.code, other["errors"][0]["line"]) == ("HUB-SCH-008", told.count(b"\n") + 2)


def test_xml_that_is_signed_is_utf_8(tmp_path: Path) -> None:
    pin = tmp_path / "pin.pem"
    pin.write_bytes(b"")
    with pytest.raises(Refusal, match="HUB-CFG-001") as caught:
        old(tmp_path / "partners", Text.TCVN3, proof("xades", pin))
    assert "UTF-8" in caught.value.problems[0].rule
