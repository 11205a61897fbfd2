"""``lienthong registry refresh``: what the portal publishes against what the hub knows, told, and stored as a dated version."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from werkzeug import Response

from connectors.dictionaries import Columns, read
from connectors.portal_lists import DICTIONARIES
from connectors.simulators.desk import Call, Journal
from connectors.simulators.front import Front
from hub.cli.opening import own_catalogue
from hub.registries.records import FOLDER, Records
from hub.registries.versions import store
from schemas.agencies import Agencies
from schemas.codelists import CodeLists
from schemas.problems import Refusal
from schemas.procedures import Procedures
from tests.unit.test_cli_double import NOW, Ran, Shelf, line

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
        self.dictionaries: dict[str, list[dict[str, Any]]] = {}
        self.asked: list[str] = []
        self.shelf = Shelf()
        server.expect_request(re.compile("/api/Lay.*")).respond_with_handler(self.answer)
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
[receives.national_portal.dictionaries]
communes = {{ parent = "MAQUANHUYEN", query = {{ MATINHTHANH = "49" }} }}
legal-bases = {{ code = "SOKYHIEU", name = "TRICHYEU" }}
""",
            "utf-8",
        )

    def answer(self, request: Request) -> Response:
        service = request.path.rpartition("/")[2]
        self.calls.append(service)
        self.asked.append(request.query_string.decode())
        if service in self.instead:
            return self.instead[service]
        fields = {each["LINHVUCTHUCHIEN"]["MALINHVUC"]: each["LINHVUCTHUCHIEN"] for each in ours().values()}
        publishes: dict[str, list[dict[str, Any]]] = {
            "LayDanhSachTTHC": [{"MATTHC": each["MATTHC"]} for each in self.procedures.values()],
            "LayThuTuc": list(self.procedures.values()),
            "LayDanhMucCoQuan": self.agencies,
            "LayDanhMucLinhVuc": list(fields.values()),
            **self.dictionaries,
        }
        front = Front(Journal(None, lambda: NOW), clock=lambda: datetime.now(UTC), publishes=publishes)
        said = front.answer(
            Call(method="GET", path=request.path, query=request.query_string.decode(), headers={}, body=b"")
        )
        return Response(said.body, said.status, content_type=said.media_type)

    def refresh(self, *more: str) -> Ran:
        settings = str(self.folder / "lienthong.toml")
        words = ("registry", "refresh", "cong", *more, "--settings", settings, "--lang", "en")
        return line(*words, shelf=self.shelf)

    @property
    def versions(self) -> list[str]:
        folder = self.folder / "registries"
        found = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
        return sorted(each for each in found if not each.startswith(FOLDER))


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


@pytest.mark.parametrize(
    ("service", "answer"),
    [
        ("LayDanhSachTTHC", '{"error_code":0,"result":[]}'),
        ("LayDanhSachTTHC", "[]"),
        ("LayThuTuc", '{"error_code":0,"result":[]}'),
    ],
)
def test_a_list_with_nothing_in_it_is_told_as_that_and_as_no_page(
    site: Site, service: str, answer: str
) -> None:
    site.instead[service] = Response(answer, content_type="application/json")
    told = site.refresh("--only", "procedures")
    assert "HUB-PAR-015" in told.err
    assert "HTML" not in told.err
    site.instead[service] = Response(answer.replace(":0", ':"3"') + " ", 500, content_type="application/json")
    assert "HUB-PAR-015" not in site.refresh("--only", "procedures").err


def test_a_version_that_nobody_could_read_is_not_written(site: Site, tmp_path: Path) -> None:
    from hub.registries.comparing import Change  # noqa: PLC0415 - beside its only use

    row = PROCEDURES.entries[STANDING[0].id]
    bad = Change(
        kind="new", of="procedure", code="1.1", row=type(row)(**{**row_fields(row), "decider": "X1"})
    )
    with pytest.raises(Refusal) as refused:
        store(tmp_path / "registries", "cong", DAY, [bad], CodeLists.load())
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


def test_what_is_applied_keeps_each_procedure_whole_and_writes_again_only_what_is_said_otherwise(
    site: Site,
) -> None:
    """The registry makes little of it: steps, papers and grounds are the portal's own record."""
    first, second = (str(entry.national) for entry in STANDING[:2])
    site.procedures[first]["THANHPHANHOSO"] = [{"GIAYTO": [{"MAGIAYTO": "KQ.1", "URL": "https://x.example"}]}]
    assert site.refresh().status == 0
    assert Records.load(site.folder / "registries").files == {}, "without --apply nothing is changed"
    kept = site.refresh("--apply")
    assert (kept.status, f"{len(STANDING)} procedures kept whole" in kept.err) == (0, True), kept
    records = Records.load(site.folder / "registries")
    assert json.loads(records.find(first) or b"") == site.procedures[first]
    assert records.find(f"{first}.000.00.00.H47") == records.find(first)
    assert (records.find("9.999999"), records.find("../lienthong")) == (None, None)
    (facts,) = site.shelf.refreshed
    assert (facts["files"], facts["records"]) == ("", str(len(STANDING)))
    assert (facts["records_in"], len(facts["records_digest"])) == ("published/2026-11-22-cong", 64)
    assert "Nothing differs" in site.refresh("--apply").err
    assert len(site.shelf.refreshed) == 1, "the same again is nothing new"
    site.procedures[second]["YEUCAU"] = "Không tranh chấp"
    assert "1 procedures kept whole" in site.refresh("--apply").err
    assert json.loads(records.find(second) or b"")["YEUCAU"] == "Không tranh chấp"


def test_a_later_days_record_stands_over_the_earlier_one_and_one_that_was_taken_away_is_none(
    tmp_path: Path,
) -> None:
    for day in ("2026-11-23", "2026-11-22"):
        (tmp_path / FOLDER / f"{day}-cong").mkdir(parents=True)
        (tmp_path / FOLDER / f"{day}-cong" / "1.009999.json").write_text(day)
    records = Records.load(tmp_path)
    assert records.find("1.009999") == b"2026-11-23"
    (tmp_path / FOLDER / "2026-11-23-cong" / "1.009999.json").unlink()
    assert records.find("1.009999") is None
    assert Records.load(None).find("1.009999") is None


# --- shared dictionaries


def genders(*names: str) -> list[dict[str, Any]]:
    return [{"MAGIOITINH": place, "TENGIOITINH": name} for place, name in enumerate(names)]


def lists(site: Site) -> CodeLists:
    return CodeLists.load(versions=site.folder / "registries" / "codelists")


def told(ran: Ran) -> list[tuple[str, str, str, str]]:
    return [(row["change"], row["code"], row["before"], row["after"]) for row in json.loads(ran.out)]


def test_every_dictionary_of_the_portal_has_its_service_and_a_list_of_its_own() -> None:
    """The names: docs/explanation/national-portal.md §14."""
    assert " ".join(sorted(each.source.removeprefix("LayDanhMuc") for each in DICTIONARIES)) == (
        "CanCuPhapLy CapThucHien DanToc DoiTuong GioiTinh LePhi PhuongXa QuanHuyen QuocGia TinhThanh TinhTrangHonNhan TonGiao"
    )
    assert not {each.id for each in DICTIONARIES} & CodeLists.load().lists.keys(), "ours stay ours"


def test_a_dictionary_becomes_a_dated_list_that_the_hub_publishes_on(site: Site) -> None:
    site.dictionaries["LayDanhMucGioiTinh"] = genders("Chưa rõ", "Nam", "Nữ")
    first = site.refresh("--only", "genders", "--apply", "--json")
    assert (first.status, [row[0] for row in told(first)]) == (0, ["new"] * 3), first
    assert site.versions == ["codelists/2026-11-22-cong/genders.toml"]
    assert site.refresh("--only", "genders").status == 0
    site.dictionaries["LayDanhMucGioiTinh"] = genders("Chưa xác định", "Nam")
    again = site.refresh("--only", "genders", "--apply", "--json")
    assert told(again) == [
        ("changed", "genders/0", "Chưa rõ", "Chưa xác định"),
        ("gone", "genders/2", "Nữ", ""),
    ]
    kept = lists(site)["genders"]
    assert [(entry.code, entry.name.vi) for entry in kept.code] == [
        ("0", "Chưa xác định"),
        ("1", "Nam"),
        ("2", "Nữ"),
    ], "what is no longer listed ends nothing"
    entries = own_catalogue(site.folder / "lienthong.toml", "codelist.genders")
    assert [entry["code"] for entry in entries] == ["0", "1", "2"]


def test_what_was_stored_stands_in_the_journal_with_its_bytes(site: Site) -> None:
    site.dictionaries["LayDanhMucGioiTinh"] = genders("Nam", "Nữ")
    site.refresh("--only", "genders")
    assert site.shelf.refreshed == []
    site.refresh("--only", "genders", "--apply")
    (facts,) = site.shelf.refreshed
    file = site.folder / "registries" / "codelists" / "2026-11-22-cong" / "genders.toml"
    assert facts["digests"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert (facts["partner"], facts["files"], facts["new"], facts["changed"]) == (
        "cong",
        "codelists/2026-11-22-cong/genders.toml",
        "2",
        "0",
    )
    assert facts["by"]


def test_columns_and_questions_are_what_the_partners_file_says(site: Site) -> None:
    commune = {"MAPHUONGXA": "20335", "TENPHUONGXA": "Phường An Mỹ", "MAQUANHUYEN": "502"}
    site.dictionaries["LayDanhMucPhuongXa"] = [commune]
    site.dictionaries["LayDanhMucCanCuPhapLy"] = [
        {"SOKYHIEU": "61/2018/NĐ-CP", "TRICHYEU": "Một cửa", "MALOAI": "1", "MACOQUAN": "2"}
    ]
    ran = site.refresh("--only", "legal-bases", "--only", "communes", "--apply", "--json")
    assert {row[1] for row in told(ran)} == {"legal-bases/61/2018/NĐ-CP", "communes/20335"}, ran
    assert any("MATINHTHANH=49" in query for query in site.asked)
    assert lists(site)["communes"].code[0].parent == "502"


def test_a_dictionary_that_is_not_there_stops_none_that_is(site: Site) -> None:
    site.dictionaries["LayDanhMucGioiTinh"] = genders("Nam", "Nữ")
    site.dictionaries["LayDanhMucDanToc"] = [{"MADANTOC": "1"}]
    ran = site.refresh("--only", "dictionaries", "--apply", "--json")
    assert ran.status == 3
    rows = {row["code"]: row for row in json.loads(ran.out)}
    assert (rows["ethnic-groups"]["change"], rows["ethnic-groups"]["lacks"]) == ("unfit", "list")
    assert "LayDanhMucDanToc" in rows["ethnic-groups"]["after"]
    assert lists(site).lists.keys() - CodeLists.load().lists.keys() == {"genders"}


def test_a_list_that_the_partner_does_not_have_is_a_wrong_use(site: Site) -> None:
    ran = site.refresh("--only", "colours")
    assert (ran.status, "genders" in ran.err, site.calls) == (2, True, [])


@pytest.mark.parametrize(
    "records",
    [
        [],
        [{"MA": "1"}],
        [{"MA": "1", "TEN": "a", "MAKHAC": "2"}],
        [{"MA": "1", "TEN": "a"}, {"MA": "", "TEN": "b"}],
        [{"MA": "1", "TEN": "a"}, {"MA": "1", "TEN": "b"}],
        [{"MA": "1", "TEN": "a"}, {"CODE": "2", "TEN": "b"}],
        [{"MA": True, "TEN": "a"}],
        [{"MA": "1" * 201, "TEN": "a"}],
    ],
)
def test_a_dictionary_that_cannot_be_read_without_guessing_is_none(records: list[dict[str, Any]]) -> None:
    assert read(records) is None


def test_the_same_entry_twice_is_one_and_numbers_are_codes() -> None:
    found = read([{"ma": 1, "ten": "Nam"}, {"ma": "1", "ten": " Nam "}])
    assert found is not None
    assert [(each.code, each.name) for each in found] == [("1", "Nam")]
    told = read([{"X": "1", "Y": "a", "MA": "2", "TEN": "b"}], Columns(code="X", name="Y"))
    assert told is not None
    assert told[0].code == "1"


# --- dictionaries over REST, as a province's gateway lists them


@pytest.fixture
def gateway(tmp_path: Path, httpserver: HTTPServer) -> Path:
    """Token first, then lists under ``data``; facts: docs/explanation/national-portal.md §14."""
    httpserver.expect_request("/token").respond_with_json({"access_token": "T", "expires_in": 3600})
    (tmp_path / "partners").mkdir()
    (tmp_path / "lgsp.secret").write_text("a-secret-of-the-hub", "utf-8")
    (tmp_path / "lgsp.secret").chmod(0o600)
    (tmp_path / "lienthong.toml").write_text('registries = "registries"\n', "utf-8")
    (tmp_path / "partners" / "lgsp.toml").write_text(
        f"""
id = "lgsp"
agency = "000.00.00.H47"
room = "rest"
name = {{ vi = "LGSP", en = "LGSP" }}
[receives]
kinds = ["report_published"]
role = "informed"
mapping = "lienthong.message@1"
authority = "000.00.00.H47"
[receives.rest]
base_url = "{httpserver.url_for("")}"
[receives.rest.auth]
kind = "oauth"
client_id = "hub"
client_secret_file = "../lgsp.secret"
[receives.rest.reply]
code = "/errorCode"
[receives.rest.dictionaries]
ethnic-groups = {{ path = "/cmon/v1.0.0/dantocs", at = "/data", vi = "Dân tộc", en = "Ethnic groups" }}
districts = {{ path = "/cmon/v1.0.0/donvihanhchinhs/cap/HUYEN", at = "/data", vi = "Huyện", en = "Districts", code = "ma", name = "ten", parent = "maTinh", query = {{ tinh = "49" }} }}
""",
        "utf-8",
    )
    return tmp_path


def refreshed(folder: Path, *more: str) -> Ran:
    words = ("registry", "refresh", "lgsp", *more, "--json", "--lang", "en")
    return line(*words, "--settings", str(folder / "lienthong.toml"))


def test_a_gateways_dictionaries_are_read_by_its_own_credentials_and_columns(
    gateway: Path, httpserver: HTTPServer
) -> None:
    shows = {"Authorization": "Bearer T"}
    kinh = [{"maDanToc": "01", "tenDanToc": "Kinh"}]
    httpserver.expect_request("/cmon/v1.0.0/dantocs", headers=shows).respond_with_json(
        {"status": True, "errorCode": 0, "data": kinh}
    )
    httpserver.expect_request(
        "/cmon/v1.0.0/donvihanhchinhs/cap/HUYEN", headers=shows, query_string="tinh=49"
    ).respond_with_json({"errorCode": "00", "data": [{"ma": "502", "ten": "Tam Kỳ", "maTinh": "49"}]})
    ran = refreshed(gateway, "--apply")
    assert [row[1:] for row in told(ran)] == [
        ("ethnic-groups/01", "", "Kinh"),
        ("districts/502", "", "Tam Kỳ ← 49"),
    ], ran
    kept = CodeLists.load(versions=gateway / "registries" / "codelists")
    assert (kept["districts"].code[0].parent, kept["ethnic-groups"].name.en) == ("49", "Ethnic groups")


@pytest.mark.parametrize(
    "answer",
    [
        Response('{"errorCode": 3, "data": [{"MA": "1", "TEN": "a"}]}', content_type="application/json"),
        Response('{"errorCode": 0, "data": []}', content_type="application/json"),
        Response('{"errorCode": 0, "data": ["a"]}', content_type="application/json"),
        Response("<html><body>login</body></html>", content_type="text/html"),
        Response('{"errorCode": 0, "data": [{"MA": "1", "TEN": "a"}]}', 500),
        Response(b"\xff"),
    ],
    ids=lambda value: str(value.get_data()[:30]),
)
def test_what_a_gateway_says_that_is_no_list_concludes_nothing(
    gateway: Path, httpserver: HTTPServer, answer: Response
) -> None:
    httpserver.expect_request("/cmon/v1.0.0/dantocs").respond_with_response(answer)
    ran = refreshed(gateway, "--only", "ethnic-groups", "--apply")
    assert [(row[0], row[1]) for row in told(ran)] == [("unfit", "ethnic-groups")], ran
    assert ("HUB-PAR-015" in ran.out) == (answer.get_data() == b'{"errorCode": 0, "data": []}'), ran
    assert not (gateway / "registries").exists()


def test_a_gateway_lists_no_registries_and_a_rest_partner_without_lists_publishes_nothing(
    gateway: Path,
) -> None:
    assert refreshed(gateway, "--only", "procedures").status == 2
    file = gateway / "partners" / "lgsp.toml"
    file.write_text(file.read_text("utf-8").split("[receives.rest.dictionaries]")[0], "utf-8")
    assert refreshed(gateway).status == 1
