"""The portal codec seals the ``data`` array of one dossier, and settings are closed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from pydantic import ValidationError

from connectors.national_portal.codec import build
from connectors.national_portal.settings import Settings
from schemas.dossier import Dossier, Event, Kind, Message, Record
from schemas.problems import Refusal

GOOD: dict[str, Any] = {
    "base_url": "https://ss.example.vn/VXPAdapter/RestService/forward",
    "agency": "000.00.00.H47",
    "username": "000.00.00.H47",
    "password_file": "portal.password",
    "integration_path": "/mapi/g",
    "share_path": "/mapi/g",
}
MESSAGE = Message(
    event=Event(kind=Kind.STEP, at=datetime(2026, 4, 1, tzinfo=UTC)),
    key="k-1",
    sender="motcua",
    agency="000.00.00.H47",
    dossier=Dossier(code="HS-1"),
)


class Mapping:
    id = "any"

    def __init__(self, written: bytes) -> None:
        self.written = written

    def operations(self, message: Message) -> tuple[str, ...]:
        assert message is MESSAGE
        return ("DongBoHoSoMC", "CapNhatTienDoHoSoMC")

    def write(self, operation: str, message: Message, key: str) -> bytes:
        assert (operation, message, key) == ("DongBoHoSoMC", MESSAGE, "t-1")
        return self.written


@pytest.mark.parametrize("written", [b'{"MaHoSo":"X"}', b'[{"MaHoSo":"X"}]'])
def test_the_payload_is_the_data_array(written: bytes) -> None:
    codec = build(Settings.model_validate(GOOD), Mapping(written))
    draft = codec.encode("DongBoHoSoMC", MESSAGE, "t-1")
    assert (draft.payload, draft.media_type) == (b'[{"MaHoSo":"X"}]', "application/json")
    assert draft.facts == {"MaHoSo": "X"}
    assert codec.operations(MESSAGE) == ("DongBoHoSoMC", "CapNhatTienDoHoSoMC")


@pytest.mark.parametrize(
    "written",
    [
        b"",
        b"[]",
        b"<a/>",
        b'"X"',
        b"[1]",
        b'[{"MaHoSo":"X"},1]',
        b'[{"MaHoSo":""}]',
        b'[{"MaHoSo":["X"]}]',
        b'[{"MaHoSo":"X"},{"MaHoSo":"Y"}]',
        b'[{"MaHoSo":"X"},{}]',
    ],
)
def test_anything_but_one_dossiers_records_is_a_mapping_error(written: bytes) -> None:
    with pytest.raises(Refusal) as refusal:
        build(Settings.model_validate(GOOD), Mapping(written)).encode("DongBoHoSoMC", MESSAGE, "t-1")
    assert refusal.value.code == "HUB-MAP-003"


@pytest.mark.parametrize(
    "keys",
    [
        {"password": "x"},
        {"base_url": "http://ss.example.vn"},
        {"providerurl": "http://back.example.vn"},
        {"dstcode_in": "body"},
        {"dstcode": "a\r\nb"},
        {"share_path": "mapi"},
        {"share_path": "/mapi?x=1"},
        {"session_for": 0},
        {"lookup": {"absent": [{"phrase": "không"}]}},
        {"progress": {"list": "TIENDO", "names": {"TrangThai": "TRANGTHAI"}}},
        {"progress": {}},
    ],
    ids=str,
)
def test_what_is_not_a_setting_is_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate(GOOD | keys)


@pytest.mark.parametrize(
    "content",
    [
        '{"a":1}],"service":"DongBoHoSoMC","madonvi":"000.00.00.H48","data":[{"MaHoSo":"HS-1"}',
        '{"a":1},{"b":2}',
        '{"a":1}]}{',
        "[]",
        "Cần gì?",
    ],
)
def test_a_record_that_would_say_more_than_itself_to_the_portal_is_not_handed_on(content: str) -> None:
    published = Message(
        event=Event(kind=Kind.RECORD_PUBLISHED, at=MESSAGE.event.at),
        key="k",
        sender="motcua",
        agency="000.00.00.H47",
        subject="questions 71",
        record=Record(service="DongBoHoiDap", content=content),
    )
    with pytest.raises(Refusal) as refused:
        build(Settings.model_validate(GOOD), Mapping(b"")).encode("DongBoHoiDap", published, "t-1")
    (problem,) = refused.value.problems
    assert (problem.code, problem.place) == ("HUB-MAP-004", "/record/content")


def test_what_others_publish_for_the_portal_goes_on_as_it_came() -> None:
    content = '{"HOIDAPID": 71,  "NOIDUNG": "Cần gì?"}'
    published = Message(
        event=Event(kind=Kind.RECORD_PUBLISHED, at=MESSAGE.event.at),
        key="k",
        sender="motcua",
        agency="000.00.00.H47",
        subject="questions 71",
        record=Record(service="DongBoHoiDap", content=content),
    )
    codec = build(Settings.model_validate(GOOD), Mapping(b""))
    assert codec.operations(published) == ("DongBoHoiDap",)
    assert codec.encode("DongBoHoiDap", published, "t-1").payload == f"[{content}]".encode()
    rated = msgspec.structs.replace(published, record=Record(service="DongBoDanhGia", content="{}"))
    assert codec.operations(rated) == ()  # nobody knows in what form the portal takes it
    hidden = {"username", "password_file", "integration_path", "share_path"}
    bare = {name: value for name, value in GOOD.items() if name not in hidden}
    front = Settings.model_validate({**bare, "connector": {"create": "/a", "progress": "/b"}})
    assert build(front, Mapping(b"")).operations(published) == ()
