"""``lienthong registry refresh``: what the portal publishes against what the hub knows, told, and stored as a dated version."""

from __future__ import annotations

import json
import tomllib
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug import Response

from connectors.simulators.desk import Call, Journal
from connectors.simulators.front import Front
from hub.cli.opening import own_catalogue
from hub.registries.versions import store
from schemas.agencies import Agencies
from schemas.problems import Refusal
from schemas.procedures import Procedures
from tests.unit.test_cli_double import NOW, Ran, line

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_httpserver import HTTPServer
    from werkzeug import Request

DAY = date(2026, 11, 22)
AGENCIES = Agencies.load()
PROCEDURES = Procedures.load(AGENCIES)
STANDING = [entry for entry in PROCEDURES.entries.values() if entry.national and entry.counts(DAY)]


def as_published(name: str, code: str, **changes: Any) -> dict[str, Any]:
    return {
        "MATTHC": code,
        "TENTTHC": name,
        "LINHVUCTHUCHIEN": [{"MALINHVUC": "G15-DD", "TENLINHVUC": "Đất đai"}],
        "CACHTHUCTHUCHIEN": [
            {"KENH": "1", "THOIGIAN": [{"THOIGIANGIAIQUYET": "10", "DONVITINH": "Ngày làm việc"}]}
        ],
        "COQUANTHUCHIEN": [{"MADONVI": "000.00.15.H47", "TENDONVI": "Sở"}],
        "TRANGTHAI": 1,
        **changes,
    }


def ours() -> dict[str, dict[str, Any]]:
    """Everything that the hub knows, as the portal would say it."""
    return {
        str(entry.national): as_published(
            entry.name.vi,
            f"{entry.national}.000.00.00.H47",
            LINHVUCTHUCHIEN={"MALINHVUC": entry.field.code, "TENLINHVUC": entry.field.vi},
            CACHTHUCTHUCHIEN=[{"THOIGIAN": [{"THOIGIANGIAIQUYET": entry.hours, "DONVITINH": "giờ"}]}],
        )
        for entry in STANDING
    }


class Site:
    """A site whose only partner is a portal on loopback."""

    def __init__(self, folder: Path, server: HTTPServer) -> None:
        self.folder, self._server = folder, server
        self.procedures = ours()
        self.agencies = [
            {"MADONVI": code, "TENDONVI": unit.vi, "CAPDONVI": "2"}
            for code, unit in AGENCIES.rows.items()
            if AGENCIES.is_within(code, "H17") and unit.stands(DAY)
        ]
        self.instead: dict[str, Response] = {}
        self.calls: list[str] = []
        server.expect_request("/api", method="GET").respond_with_handler(self.answer)
        for service in ("LayDanhSachTTHC", "LayThuTuc", "LayDanhMucCoQuan", "LayDanhMucLinhVuc"):
            server.expect_request(f"/api/{service}").respond_with_handler(self.answer)
        (folder / "partners").mkdir()
        (folder / "lienthong.toml").write_text('registries = "registries"\n', "utf-8")
        (folder / "partners" / "cong.toml").write_text(
            f"""
id = "cong"
agency = "000.00.00.G22"
room = "national_portal"
name = {{ vi = "Cổng", en = "Portal" }}
[receives]
kinds = ["received"]
role = "informed"
mapping = "dvcqg.g1@1"
authority = "H17"
[receives.national_portal]
base_url = "{server.url_for("/api")}"
agency = "H17"
connector = {{ create = "/c", progress = "/p" }}
levels = {{ 2 = "commune" }}
""",
            "utf-8",
        )

    def answer(self, request: Request) -> Response:
        service = request.path.rpartition("/")[2]
        self.calls.append(service)
        if service in self.instead:
            return self.instead[service]
        fields = {each["LINHVUCTHUCHIEN"]["MALINHVUC"]: each["LINHVUCTHUCHIEN"] for each in ours().values()}
        publishes: dict[str, list[dict[str, Any]]] = {
            "LayDanhSachTTHC": [{"MATTHC": each["MATTHC"]} for each in self.procedures.values()],
            "LayThuTuc": list(self.procedures.values()),
            "LayDanhMucCoQuan": self.agencies,
            "LayDanhMucLinhVuc": list(fields.values()),
        }
        front = Front(Journal(None, lambda: NOW), clock=lambda: datetime.now(UTC), publishes=publishes)
        said = front.answer(
            Call(method="GET", path=request.path, query=request.query_string.decode(), headers={}, body=b"")
        )
        return Response(said.body, said.status, content_type=said.media_type)

    def refresh(self, *more: str) -> Ran:
        settings = str(self.folder / "lienthong.toml")
        return line("registry", "refresh", "cong", *more, "--settings", settings, "--lang", "en")

    @property
    def versions(self) -> list[str]:
        folder = self.folder / "registries"
        return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def site(tmp_path: Path, httpserver: HTTPServer) -> Site:
    return Site(tmp_path, httpserver)


def test_lists_that_say_what_the_hub_knows_differ_in_nothing(site: Site) -> None:
    told = site.refresh()
    assert (told.status, told.out) == (0, ""), told
    assert "Nothing differs" in told.err
    assert site.calls.count("LayThuTuc") == len(STANDING)


def changed(site: Site) -> None:
    first, second = STANDING[0], STANDING[1]
    site.procedures[str(first.national)]["TENTTHC"] = "Tên mới của thủ tục"
    del site.procedures[str(second.national)]
    site.procedures[str(STANDING[2].national)]["TRANGTHAI"] = "0"
    site.procedures["x"] = as_published('Thủ tục "mới"\\', "1.777001")
    site.procedures["y"] = as_published("Thủ tục không rõ hạn", "1.777002", CACHTHUCTHUCHIEN=[])
    site.agencies[1]["TENDONVI"] = "Tên mới của đơn vị"
    site.agencies.append({"MADONVI": "H17.99", "TENDONVI": "Xã Mới", "CAPDONVI": "2"})
    site.agencies.append({"MADONVI": "H17.98", "TENDONVI": "Không rõ cấp", "CAPDONVI": "9"})


def test_what_differs_is_told_and_nothing_is_changed(site: Site) -> None:
    changed(site)
    told = site.refresh("--json")
    assert told.status == 3
    found = {(row["change"], row["list"], row["code"]): row for row in json.loads(told.out)}
    first, second, third = (str(entry.national) for entry in STANDING[:3])
    assert found.keys() == {
        ("changed", "procedure", first),
        ("gone", "procedure", second),
        ("gone", "procedure", third),
        ("new", "procedure", "1.777001"),
        ("unfit", "procedure", "1.777002"),
        ("changed", "agency", site.agencies[1]["MADONVI"]),
        ("new", "agency", "H17.99"),
        ("unfit", "agency", "H17.98"),
    }
    row = found["changed", "procedure", first]
    assert (row["before"], row["after"]) == (STANDING[0].name.vi, "Tên mới của thủ tục")
    assert found["unfit", "procedure", "1.777002"]["lacks"] == "hours"
    assert found["unfit", "agency", "H17.98"]["lacks"] == "level"
    assert site.versions == []
    assert "4 entries can be stored" in told.err
    assert "khác\tthủ tục" not in told.out


def test_what_is_applied_is_a_dated_version_over_what_stays(site: Site) -> None:
    changed(site)
    told = site.refresh("--apply")
    assert told.status == 3  # two entries lack something and one is gone: they differ still
    assert site.versions == ["agencies/2026-11-22-cong.csv", "procedures/2026-11-22-cong.toml"]
    folder = site.folder / "registries"
    agencies = Agencies.load(versions=folder / "agencies")
    procedures = Procedures.load(agencies, versions=folder / "procedures")
    new, old = procedures.by_national("1.777001", DAY), procedures.entries[STANDING[0].id]
    assert new is not None
    assert (new.name.vi, new.hours, new.decider, new.level) == (
        'Thủ tục "mới"\\',
        80,
        "000.00.15.H47",
        "province",
    )
    assert (old.name.vi, old.name.en, old.local) == (
        "Tên mới của thủ tục",
        STANDING[0].name.en,
        STANDING[0].local,
    )
    assert procedures.entries.keys() == {*PROCEDURES.entries, new.id}
    unit = agencies.known("H17.99")
    assert unit is not None
    assert (unit.parent, unit.level) == ("H17", "commune")
    assert agencies.rows.keys() == {*AGENCIES.rows, "H17.99"}
    again = site.refresh("--json")
    assert {row["change"] for row in json.loads(again.out)} == {"gone", "unfit"}


def test_a_second_version_of_a_day_keeps_what_the_first_said(site: Site) -> None:
    changed(site)
    site.refresh("--apply", "--only", "procedures")
    site.procedures["z"] = as_published("Thủ tục khác", "1.777003")
    site.refresh("--apply", "--only", "procedures")
    (file,) = site.versions
    told = tomllib.loads((site.folder / "registries" / file).read_text("utf-8"))["procedure"]
    assert {entry["id"] for entry in told} == {STANDING[0].id, "tthc-1.777001", "tthc-1.777003"}


@pytest.mark.parametrize(
    ("service", "answer"),
    [
        ("LayDanhSachTTHC", Response("<html><body>502</body></html>", content_type="text/html")),
        ("LayDanhSachTTHC", Response('{"error_code":0,"result":[]}', content_type="application/json")),
        ("LayDanhSachTTHC", Response('{"error_code":"3","result":[{"MATTHC":"1.777001"}]}')),
        ("LayDanhSachTTHC", Response('{"error_code":0,"result":[{"TEN":"x"}]}')),
        ("LayDanhSachTTHC", Response('{"error_code":0}')),
        ("LayDanhSachTTHC", Response("", 500)),
        ("LayDanhSachTTHC", Response(b" " * 5_000_000)),
        ("LayDanhSachTTHC", Response("[" + ",".join(['{"MATTHC":"1.777001"}'] * 20_001) + "]")),
        ("LayThuTuc", Response('{"error_code":0,"result":[]}')),
        ("LayThuTuc", Response('{"error_code":0,"result":[{"MATTHC":"9.999999","TENTTHC":"khác"}]}')),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value.get_data()[:40]),
)
def test_a_list_that_did_not_come_whole_changes_nothing(site: Site, service: str, answer: Response) -> None:
    site.instead[service] = answer
    told = site.refresh("--apply", "--only", "procedures")
    assert told.status in {1, 8}  # 8: it could not be reached, or said too much
    assert "HUB-" in told.err
    assert service in told.err
    assert site.versions == []


def test_a_version_that_nobody_could_read_is_not_written(site: Site, tmp_path: Path) -> None:
    from hub.registries.comparing import Change  # noqa: PLC0415 - beside its only use

    row = PROCEDURES.entries[STANDING[0].id]
    bad = Change(
        kind="new", of="procedure", code="1.1", row=type(row)(**{**row_fields(row), "decider": "X1"})
    )
    with pytest.raises(Refusal) as refused:
        store(tmp_path / "registries", "cong", DAY, [bad])
    assert "decider X1" in refused.value.problems[0].detail
    assert site.versions == []


def row_fields(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__struct_fields__}


def test_who_publishes_nothing_is_named_with_those_who_do(site: Site) -> None:
    settings = str(site.folder / "lienthong.toml")
    told = line("registry", "refresh", "so-tnmt", "--settings", settings, "--lang", "en")
    assert told.status == 1
    assert "cong" in told.err


def test_without_a_folder_nothing_can_be_applied(site: Site) -> None:
    (site.folder / "lienthong.toml").write_text("", "utf-8")
    told = site.refresh("--apply")
    assert told.status == 2
    assert "registries" in told.err
    assert not site.calls


def test_a_version_that_cannot_be_read_is_a_wrong_setting(site: Site) -> None:
    (site.folder / "registries" / "procedures").mkdir(parents=True)
    (site.folder / "registries" / "procedures" / "2026-11-22-x.toml").write_text("colour = 1", "utf-8")
    told = site.refresh()
    assert told.status == 1
    assert "HUB-CFG-002" in told.err
    assert "2026-11-22-x.toml" in told.err


def test_what_was_applied_is_what_the_hub_publishes_on(site: Site) -> None:
    changed(site)
    site.refresh("--apply", "--only", "procedures")
    entries = own_catalogue(site.folder / "lienthong.toml", "procedures")
    assert "1.777001" in {entry["code"] for entry in entries}
