"""The stories of ``examples/province``: who says what about a dossier in whose protocol, and who must have it."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import msgspec

from hub.demo.cast import cast
from hub.demo.messages import Said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SIZE = 24_000


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As ``examples/province/stories.toml`` says. ``at`` empty: when it happens, the one who says it decides."""

    by: str
    says: str
    hears: tuple[str, ...]
    at: str = ""
    state: str = ""
    text: str = ""
    to: str = ""
    HoSo: dict[str, Any] = {}


class Story(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    code: str
    first: int
    tells: dict[str, str]
    step: tuple[Step, ...]
    replaces: dict[str, Any] = {}
    encloses: bool = False


class Case(msgspec.Struct, frozen=True):
    """One dossier of a story. ``opening``: its record in the one-stop's words. ``content``: of the enclosed document, if any."""

    story: Story
    dossier: str
    opening: Mapping[str, Any]
    content: bytes | None

    def said(self, number: int, duties: Sequence[Mapping[str, Any]] = ()) -> Said:
        """Step ``number``, from 0, as a system says it that speaks the one-stop's words. ``duties``: as they were announced."""
        step = self.story.step[number]
        system = cast()[step.by]
        officer, agency = system.officer, system.declared["agency"]
        record = {**self.opening, "TrangThaiHoSo": step.state, **step.HoSo}
        if duties:
            record["DanhSachNghiaVuTaiChinh"] = list(duties)
        now = {
            "NguoiXuLy": officer,
            "ChucDanh": "Chuyên viên",
            "MaDonViXuLy": agency,
            "NoiDungXuLy": step.text,
        }
        now |= {"TrangThai": step.state}
        if step.to:
            now |= {"MaDonViChuyen": agency, "MaDonViNhan": step.to}
        key = f"{step.by}-{self.dossier}-{number + 1:04d}"
        told = {"MaThongDiep": key, "LoaiSuKien": step.says, "ThoiDiem": step.at, "SoThuTu": number + 1}
        told |= {"HoSo": record, "DienBien": now}
        body = json.dumps(told, ensure_ascii=False).encode()
        return Said(key=key, dossier=self.dossier, step=number + 1, kind=step.says, at=step.at, body=body)


def cases(examples: Path, dossiers: int) -> list[Case]:
    """Return so many dossiers of each story."""
    folder = examples / "province"
    told = msgspec.toml.decode((folder / "stories.toml").read_bytes(), type=dict[str, list[Story]])["story"]
    record = json.loads((examples / "messages" / "01-received.json").read_text("utf-8"))["HoSo"]
    return [_case(story, number, record) for story in told for number in range(dossiers)]


def _case(story: Story, number: int, record: Mapping[str, Any]) -> Case:
    dossier = f"{story.code}{story.first + number:04d}"
    opening = {key: value for key, value in {**record, **story.replaces}.items() if value != ""}
    opening |= {"MaHoSo": dossier, "SoBienNhan": f"{story.first + number:04d}/TN"}
    opening["NgayTiepNhan"] = next(step.at for step in story.step if step.at)
    opening.pop("MaHoSoKhac", None)
    content = hashlib.shake_256(dossier.encode()).digest(SIZE) if story.encloses else None
    if content is not None:
        opening["TaiLieuNop"] = [_paper(record["TaiLieuNop"][0], content)]
    return Case(story, dossier, opening, content)


def _paper(like: Mapping[str, Any], content: bytes) -> dict[str, Any]:
    paper = {key: value for key, value in like.items() if key != "DuongDanTaiTepTin"}
    return paper | {"MaBam": hashlib.sha256(content).hexdigest(), "KichThuoc": len(content)}


def document(template: str, case: Case, number: int) -> bytes:
    """The same step as a document of the axis."""
    step = case.story.step[number]
    day = f"{step.at[:4]}/{step.at[4:6]}/{step.at[6:8]}"
    words = {
        "number": f"{int(case.dossier[-4:])}{number}",
        "day": day,
        "time": f"{day} {step.at[8:10]}:{step.at[10:12]}:{step.at[12:14]}",
        "dossier": case.dossier,
        "text": step.text,
        "who": cast()[step.by].officer,
        "reason": step.says,
    }
    return template.format_map({name: escape(word) for name, word in words.items()}).encode()
