"""Files inside a JSON payload: put where the partner's file says, by their digests, or the transfer is parked."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from connectors.catalogue import ROOMS
from connectors.contract import Encloses
from connectors.inside import LARGEST
from connectors.rest import codec
from connectors.rest.settings import Settings
from schemas.dossier import Actor, Applicant, Document, Dossier, Event, Identity, Kind, Message, Procedure
from schemas.library import BUILTIN
from schemas.mapping import load
from schemas.problems import Refusal

NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
ONE, TWO = b"%PDF-1.7 one", b"hai"
AT = ("/DanhSachGiayToDinhKem/*/TapTin/data", "/DanhSachGiayToBoSung/*/TapTin/data")
MAPPING = load(BUILTIN / "mappings" / "vbdlis.rest-1.toml")


def room(*files_at: str) -> Any:
    settings = Settings.model_validate({"base_url": "http://127.0.0.1:9", "files_at": files_at})
    return codec.build(settings, MAPPING)


def message(*documents: Document, **more: Any) -> Message:
    dossier = Dossier(
        code="000.00.15.H47-261120-0001",
        procedure=Procedure(local="QT-01", name="Biến động"),
        applicant=Applicant(
            name="Nguyễn Văn Mẫu", identities=(Identity(kind="cccd", number="049000000001"),)
        ),
        received_at=NOW,
        documents=documents,
        **more,
    )
    event = Event(kind=Kind.RECEIVED, at=NOW, actor=Actor(name="mot.cua"))
    return Message(event=event, key="k", sender="s", agency="a", dossier=dossier)


def paper(content: bytes, **more: Any) -> Document:
    return Document(id="1", name="Đơn.pdf", sha256=sha256(content).hexdigest(), **more)


CONTENTS = {sha256(content).hexdigest(): content for content in (ONE, TWO)}


def test_each_file_stands_where_its_digest_stood() -> None:
    made = room(*AT)
    assert isinstance(room(*AT), Encloses)
    draft = made.encode("tiepnhan", message(paper(ONE), paper(TWO)), "k")
    said = json.loads(made.enclose(draft, CONTENTS).payload)
    files = [each["TapTin"] for each in said["DanhSachGiayToDinhKem"]]
    assert [b64decode(each["data"]) for each in files] == [ONE, TWO]
    assert files[0]["name"] == "Đơn.pdf"
    before = json.loads(draft.payload)
    del before["DanhSachGiayToDinhKem"], said["DanhSachGiayToDinhKem"]
    assert said == before
    assert said["NgayTiepNhan"] == "2026-11-20T01:00:00Z"


def test_a_file_that_is_not_here_parks_the_message() -> None:
    made = room(*AT)
    draft = made.encode("tiepnhan", message(paper(ONE), paper(b"elsewhere")), "k")
    with pytest.raises(Refusal) as refused:
        made.enclose(draft, CONTENTS)
    problem = refused.value.problems[0]
    assert (problem.code, problem.place) == ("HUB-MAP-004", "/DanhSachGiayToDinhKem/1/TapTin/data")
    with pytest.raises(Refusal) as refused:
        made.encode(
            "tiepnhan", message(Document(id="1", name="x", reference="https://elsewhere.example")), "k"
        )
    assert refused.value.code == "HUB-MAP-004"


def test_a_paper_that_was_taken_back_is_not_handed_over() -> None:
    made = room(*AT)
    draft = made.encode("tiepnhan", message(paper(ONE), paper(b"gone", deleted=True)), "k")
    said = json.loads(made.enclose(draft, CONTENTS).payload)
    assert len(said["DanhSachGiayToDinhKem"]) == 1


def test_what_has_no_such_place_stays_as_it_is() -> None:
    made = room("/Khong/*/co", "/DanhSachGiayToDinhKem/x", "/SoBienNhan/y")
    draft = made.encode("tiepnhan", message(paper(ONE)), "k")
    assert made.enclose(draft, CONTENTS).payload == draft.payload


def test_only_a_partner_whose_file_says_so_gets_files_inside() -> None:
    assert not isinstance(room(), Encloses)
    for files_at, most in (((), 0), (AT, LARGEST)):
        settings = Settings.model_validate({"base_url": "http://127.0.0.1:9", "files_at": files_at})
        assert ROOMS["rest"].encloses(settings) == most
