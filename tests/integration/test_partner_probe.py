"""``lienthong partner probe``: what a partner's test system really does, against what its file promises."""

from __future__ import annotations

import asyncio
import json
import tomllib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from connectors.reach import Reach
from connectors.simulators.axis import Axis
from connectors.simulators.desk import Journal, Said
from connectors.simulators.land import LOOK_UP, Land
from hub.cli.opening import wired
from hub.demo.scene import build
from hub.drafting.wsdl import read
from hub.probing import checks, description, drift, trial
from hub.wiring.probing import house, probe
from schemas.library import BUILTIN
from schemas.problems import Refusal
from tests.doubles.loopback import loopback, nobody
from tests.doubles.pki import Pki
from tests.unit.test_cli_double import line

if TYPE_CHECKING:
    from connectors.simulators.desk import Call
    from hub.probing.checks import Check

OK = 200
SECRET = "khoa-cua-truc-thu"
EXAMPLES = Path(__file__).parents[2] / "examples"
LAND = BUILTIN / "wsdl" / "land" / "1"


class TestSystem(Land):
    """The department's, with its description under ``?wsdl``. ``late``: its clock; ``doubles``: the same key makes another copy."""

    __test__ = False

    def __init__(self) -> None:
        super().__init__(Journal(None, lambda: datetime.now(UTC)))
        self.late, self.zone, self.doubles, self.mute = timedelta(0), "GMT", False, False
        self.files = {"land": (LAND / "land.wsdl").read_bytes(), "land.xsd": (LAND / "land.xsd").read_bytes()}

    def answer(self, call: Call) -> Said:
        date = {"Date": format_datetime(datetime.now(UTC) + self.late, usegmt=True).replace("GMT", self.zone)}
        if call.method == "GET":
            found = self.files.get(call.path.rpartition("/")[2])
            return Said(body=found or b"", status=200 if found else 404, media_type="text/xml", headers=date)
        if self.mute and LOOK_UP.encode() in call.body:
            return Said(body=b"<html>502</html>", status=502, media_type="text/html")
        if self.doubles:
            self._known.clear()
        return super().answer(call)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return build(tmp_path, 1, (2, 3, 4)).settings


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki(tmp_path_factory.mktemp("pki"), datetime.now(UTC))


def verdicts(found: tuple[Check, ...] | list[Check]) -> dict[str, str]:
    return {each.name: f"{each.verdict} {each.code}".strip() for each in found}


async def probed(site: Path, desk: TestSystem) -> dict[str, Check]:
    async with loopback(desk) as (_, url):
        found = await probe(house(site, "so-tnmt", f"{url}/land", live=False))
    return {each.name: each for each in found}


async def test_a_test_system_that_keeps_its_promises_passes_and_has_one_copy(site: Path) -> None:
    desk = TestSystem()
    found = await probed(site, desk)
    assert verdicts(list(found.values())) == {
        "reach": "passed",
        "tls": "untold HUB-PRB-007",  # plain http on this machine
        "clock": "passed",
        "credentials": "untold HUB-PRB-007",
        "wsdl": "passed",
        "delivery": "passed",
        "idempotency": "passed",
        "status_known": "passed",
        "status_unknown": "passed",
    }
    (only,) = desk.journal.entries
    assert trial.MAGIC in only.body
    assert "Signature" in only.body  # sealed as a worker seals


async def test_each_promise_that_is_not_kept_is_told_with_its_code(site: Path) -> None:
    desk = TestSystem()
    desk.late, desk.doubles = timedelta(minutes=-5), True
    desk.files["land.xsd"] = desk.files["land.xsd"].replace(b'name="SoBienNhan"', b'name="SoBienNhanMoi"')
    told = verdicts(list((await probed(site, desk)).values()))
    assert told["clock"] == "failed HUB-PRB-002"
    assert told["wsdl"] == "failed HUB-PRB-004"
    assert told["idempotency"] == "failed HUB-PRB-005"
    assert told["status_known"] == "failed HUB-PRB-006"


async def test_a_question_that_is_not_answered_is_no_answer(site: Path) -> None:
    desk = TestSystem()
    desk.mute = True
    told = verdicts(list((await probed(site, desk)).values()))
    assert (told["status_known"], told["status_unknown"]) == ("failed HUB-PRB-006", "failed HUB-PRB-006")
    file = site.parent / "partners" / "so-tnmt.toml"
    text = file.read_text("utf-8")
    file.write_text(text.replace("can_be_asked = true", "can_be_asked = false"), "utf-8")
    told = verdicts(list((await probed(site, desk)).values()))
    assert (told["status_known"], told["status_unknown"]) == ("untold HUB-PRB-007", "untold HUB-PRB-007")


LONG = "a" * 300
IMPORT = '<xs:import namespace="http://www.w3.org/XML/1998/namespace" schemaLocation="{}"/>'


@pytest.mark.parametrize(
    ("file", "before", "after", "verdict"),
    [
        ("land", 'schemaLocation="land.xsd"', 'schemaLocation="http://[x"', "untold HUB-PRB-007"),
        ("land.xsd", "<xs:element ", IMPORT.format(LONG) + "<xs:element ", "passed"),
    ],
    ids=["no address", "no file's name"],
)
async def test_a_description_that_refers_to_nothing_that_can_be_is_no_defect_of_ours(
    site: Path, file: str, before: str, after: str, verdict: str
) -> None:
    desk = TestSystem()
    desk.files[file] = desk.files[file].replace(before.encode(), after.encode(), 1)
    async with loopback(desk) as (_, url):
        what = house(site, "so-tnmt", f"{url}/land", live=False)
        found = await description.compared(what.reach, what.library, "land@1", lambda: datetime.now(UTC))
    assert verdicts([found]) == {"wsdl": verdict}


class Keyed(TestSystem):
    """It gives a token, or none."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self._status = status

    def answer(self, call: Call) -> Said:
        if not call.path.endswith("/token"):
            return super().answer(call)
        told = b'{"access_token": "cap-phep-tam-thoi", "expires_in": 60}' if self._status == OK else b"{}"
        return Said(body=told, status=self._status)


@pytest.mark.parametrize(("status", "verdict"), [(OK, "passed"), (401, "failed HUB-PAR-005")])
async def test_a_token_is_fetched_before_anything_is_sent(site: Path, status: int, verdict: str) -> None:
    file = site.parent / "partners" / "so-tnmt.toml"
    (file.parent / "s").write_text("mat-khau-dai", "utf-8")
    auth = '\n[receives.soap.auth]\nkind = "oauth"\nclient_id = "a"\nclient_secret_file = "s"\n'
    file.write_text(file.read_text("utf-8") + auth, "utf-8")
    desk = Keyed(status)
    told = verdicts(list((await probed(site, desk)).values()))
    assert told["credentials"] == verdict
    assert len(desk.journal.entries) == (status == OK)


async def test_a_clock_that_tells_no_zone_tells_universal_time(site: Path) -> None:
    desk = TestSystem()
    desk.zone = "-0000"
    assert (await probed(site, desk))["clock"].verdict == "passed"
    desk.late = timedelta(hours=7)
    assert (await probed(site, desk))["clock"].code == "HUB-PRB-002"


async def test_a_description_that_cannot_be_had_tells_nothing(site: Path) -> None:
    desk = TestSystem()
    del desk.files["land.xsd"]
    assert (await probed(site, desk))["wsdl"].detail == "?wsdl: 404"
    desk.files["land"] = b"<html/>"
    assert verdicts([(await probed(site, desk))["wsdl"]]) == {"wsdl": "failed HUB-PRB-004"}


async def test_nobody_there_is_told_at_once(site: Path) -> None:
    with nobody() as port:
        found = await probe(house(site, "so-tnmt", f"http://127.0.0.1:{port}/land", live=False))
    assert verdicts(list(found)) == {"reach": "failed HUB-NET-001"}


async def test_an_axis_that_numbers_each_call_is_not_taken_for_one_that_makes_copies(site: Path) -> None:
    folder = site.parent / "partners"
    text = (EXAMPLES / "sandbox" / "truc-vxp.toml").read_text("utf-8")
    (folder / "secrets" / "truc-vxp.txt").write_text(SECRET, "utf-8")
    (folder / "truc.toml").write_text(text, "utf-8")
    desk = Axis(Journal(None, lambda: datetime.now(UTC)), SECRET)
    async with loopback(desk) as (_, url):
        told = {each.name: each for each in await probe(house(site, "truc-vxp", url, live=False))}
        (folder / "truc.toml").write_text(_picked_up(text), "utf-8")
        lies = desk.lodge("000.00.05.H47", b"<x/>")
        before = desk.state(lies)
        only = await probe(house(site, "truc-vxp", url, live=True))
    assert (told["delivery"].verdict, told["idempotency"].code) == ("passed", "HUB-PRB-010")
    assert told["status_known"].verdict == "passed", told["status_known"]
    assert told["status_unknown"].verdict == "passed", told["status_unknown"]
    assert verdicts(list(only)) == {
        "reach": "passed",
        "tls": "untold HUB-PRB-007",
        "clock": "untold HUB-PRB-007",
        "credentials": "untold HUB-PRB-007",
        "collection": "passed",
    }
    assert desk.state(lies) == before  # looked at, and left there


def _picked_up(text: str) -> str:
    """The same partner, from which the hub only fetches."""
    told = tomllib.loads(text)["receives"]["edxml"]
    way = ", ".join(f'{key} = "{value}"' for key, value in told["way"].items())
    return (
        text[: text.index("[")]
        + '[name]\nvi = "x"\nen = "x"\n[sends]\nformat = "edxml.qcvn102@1"\nkinds = ["received"]\n'
        + 'authority = "000.00.00.H47"\n[sends.collect]\n[sends.edxml]\nbase_url = "http://127.0.0.1:1"\n'
        + f'organ = "{told["organ"]}"\nown = "{told["own"]}"\nway = {{ {way} }}\n'
    )


async def test_what_cannot_be_opened_is_told_beside_what_was_found(site: Path) -> None:
    file = site.parent / "partners" / "so-tnmt.toml"
    (file.parent / "s").write_text("ngan", "utf-8")  # too short for a secret
    auth = '\n[receives.soap.auth]\nkind = "bearer"\nsecret_file = "s"\n'
    file.write_text(file.read_text("utf-8") + auth, "utf-8")
    told = verdicts(list((await probed(site, TestSystem())).values()))
    assert (told["reach"], told["clock"], told["wsdl"]) == ("passed", "passed", "passed")
    assert (told["credentials"], told["delivery"]) == ("failed HUB-CFG-001", "failed HUB-CFG-001")


# --- who is probed --------------------------------------------------------------------------------------------------


def test_a_partner_is_found_by_its_id_or_its_file_and_a_stranger_is_told_who_is_known(site: Path) -> None:
    folder = site.parent / "partners"
    (folder / "so-tnmt.toml").rename(folder / "dat-dai.toml")
    there = "http://127.0.0.1:5/thu"
    for name in ("so-tnmt", "dat-dai", str(folder / "dat-dai.toml")):
        assert house(site, name, there, live=False).partner.id == "so-tnmt"
    with pytest.raises(Refusal) as refused:
        house(site, "so-la", there, live=False)
    assert refused.value.code == "HUB-PRB-009"
    assert "so-tnmt" in refused.value.problems[0].rule


@pytest.mark.parametrize("address", ["ftp://x", "http://10.0.0.1/ws", "https://a b/"])
def test_an_address_that_is_none_is_refused_as_in_a_file(site: Path, address: str) -> None:
    with pytest.raises(Refusal) as refused:
        house(site, "so-tnmt", address, live=False)
    assert (refused.value.code, refused.value.problems[0].place) == ("HUB-CFG-001", "--base-url")


# --- never a live address by accident -------------------------------------------------------------------------------


def test_a_live_address_is_probed_only_when_somebody_allows_it(site: Path) -> None:
    with pytest.raises(Refusal, match="HUB-PRB-001"):
        house(site, "so-tnmt", "", live=False)
    with pytest.raises(Refusal, match="HUB-PRB-001"):  # named by hand, it is live all the same
        house(site, "so-tnmt", house(site, "so-tnmt", "", live=True).reach.base_url, live=False)
    file = site.parent / "partners" / "so-tnmt.toml"
    text = file.read_text("utf-8")
    file.write_text(text.replace("http://127.0.0.1:3", "https://127.0.0.1/Dat/ws"), "utf-8")
    for spelled in ("https://127.0.0.1:443/Dat/ws", "HTTPS://127.0.0.1//Dat/%77s/"):
        with pytest.raises(Refusal, match="HUB-PRB-001"):  # the same place in other letters
            house(site, "so-tnmt", spelled, live=False)
    file.write_text(text.replace("[receives]\n", '[receives]\nsandbox = "http://127.0.0.1:5/thu"\n'), "utf-8")
    assert house(site, "so-tnmt", "", live=False).reach.base_url == "http://127.0.0.1:5/thu"
    file.write_text(text + '\n[stage]\ndefault = "trial"\n', "utf-8")
    assert house(site, "so-tnmt", "", live=False).partner.stage.default == "trial"


def test_a_login_elsewhere_is_live_too(site: Path) -> None:
    file = site.parent / "partners" / "so-tnmt.toml"
    secret = site.parent / "partners" / "s"
    secret.write_text("mat-khau-dai", "utf-8")
    auth = (
        '\n[receives.soap.auth]\nkind = "oauth"\ntoken_address = "https://login.example.vn"\n'
        'client_id = "a"\nclient_secret_file = "s"\n'
    )
    file.write_text(file.read_text("utf-8") + auth, "utf-8")
    with pytest.raises(Refusal, match="HUB-PRB-001"):
        house(site, "so-tnmt", "http://127.0.0.1:5/thu", live=False)


def test_who_is_never_called_has_nothing_to_probe(site: Path) -> None:
    (site.parent / "partners" / "xa.toml").write_text(
        'id = "xa"\nagency = "000.00.15.H47"\nroom = "mailbox"\n[name]\nvi = "x"\nen = "y"\n[access]\n'
        f'api_keys = ["sha256:{"0" * 64}"]\n[receives]\nkinds = ["received"]\nmapping = "land.soap@1"\n'
        'authority = "000.00.15.H47"\nrole = "informed"\n',
        "utf-8",
    )
    with pytest.raises(Refusal, match="HUB-PRB-008"):
        house(site, "xa", "", live=True)


# --- TLS, and meaning -----------------------------------------------------------------------------------------------


async def test_chain_name_and_end_of_a_certificate_are_looked_at(pki: Pki) -> None:
    now = datetime.now(UTC)
    async with loopback(TestSystem(), tls=pki.server_context()) as (_, url):
        pinned = Reach(base_url=url, ca_file=pki["root"].certificate_file)
        assert (await checks.chain(pinned, now)).verdict == "passed"
        late = await checks.chain(pinned, now + timedelta(days=3650))
        assert (late.verdict, late.code) == ("failed", "HUB-PRB-003")
        foreign = await checks.chain(Reach(base_url=url), now)
        assert (foreign.verdict, foreign.code) == ("failed", "HUB-NET-002")


async def test_a_pinned_authority_that_ends_soon_is_told(pki: Pki) -> None:
    told = Reach(base_url="https://127.0.0.1", ca_file=pki["root"].certificate_file)
    (fine,) = checks.pinned(told, datetime.now(UTC))
    (late,) = checks.pinned(told, datetime.now(UTC) + timedelta(days=36500))
    assert (fine.verdict, late.verdict, late.code) == ("passed", "failed", "HUB-PRB-011")
    assert checks.pinned(Reach(base_url="https://127.0.0.1"), datetime.now(UTC)) == ()


IMPORTING = b"""<definitions xmlns="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
 xmlns:l="urn:lienthong:example:land:1"><import namespace="urn:lienthong:example:land:1" location="%s"/>
 <service name="Land"><port name="Land" binding="l:%s"><soap:address location="http://x"/></port></service></definitions>"""


async def test_what_a_description_imports_is_compared_and_fetched_from_the_partner_only(site: Path) -> None:
    desk = TestSystem()
    whole = desk.files["land"]
    binding = whole.partition(b'<wsdl:binding name="')[2].partition(b'"')[0]
    desk.files["land"], desk.files["parts.wsdl"] = IMPORTING % (b"parts.wsdl", binding), whole
    assert (await probed(site, desk))["wsdl"].verdict == "passed"
    desk.files["land.xsd"] = desk.files["land.xsd"].replace(b'name="SoBienNhan"', b'name="SoBienNhanMoi"')
    drifted = (await probed(site, desk))["wsdl"]
    assert (drifted.code, "SoBienNhanMoi" in drifted.detail) == ("HUB-PRB-004", True)
    desk.files["land"] = IMPORTING % (b"http://127.0.0.2:80/parts.wsdl", binding)
    assert (await probed(site, desk))["wsdl"].detail == "?wsdl: location http://127.0.0.2:80"
    endless = {f"{number}.wsdl": IMPORTING % (b"%d.wsdl" % (number + 1), binding) for number in range(20)}
    desk.files |= {**endless, "land": endless["0.wsdl"]}
    assert (await probed(site, desk))["wsdl"].detail == "?wsdl: > 16"
    desk.files |= {name: text + b" " * (3 * 2**20) for name, text in endless.items()}
    assert (await probed(site, desk))["wsdl"].detail == "?wsdl: > 8388608 B"


async def test_a_description_is_shown_to_those_who_show_who_they_are(site: Path) -> None:
    file = site.parent / "partners" / "so-tnmt.toml"
    (file.parent / "s").write_text(SECRET, "utf-8")
    auth = '\n[receives.soap.auth]\nkind = "api_key"\nheader = "X-API-Key"\nsecret_file = "s"\n'
    file.write_text(file.read_text("utf-8") + auth, "utf-8")
    async with loopback(Land(Journal(None, lambda: datetime.now(UTC)), SECRET)) as (_, url):
        for path, verdict in (("/land", "passed"), ("/v2", "failed HUB-PRB-004")):
            found = await probe(house(site, "so-tnmt", f"{url}{path}", live=False))
            assert verdicts(list(found))["wsdl"] == verdict
    assert "SoBienNhan: gone" in next(each.detail for each in found if each.name == "wsdl")


async def test_what_is_shown_in_envelopes_is_not_shown_for_a_description(site: Path) -> None:
    file = site.parent / "partners" / "so-tnmt.toml"
    (file.parent / "s").write_text(SECRET, "utf-8")
    auth = '\n[receives.soap.auth]\nkind = "soap_user"\nusername = "hub"\nsecret_file = "s"\n'
    file.write_text(file.read_text("utf-8") + auth, "utf-8")
    async with loopback(TestSystem()) as (server, url):
        told = verdicts(list(await probe(house(site, "so-tnmt", f"{url}/land", live=False))))
    (asked, *_) = [each for each in server.requests if b"?wsdl" in each]
    assert (told["wsdl"], asked.endswith(b"\r\n\r\n")) == ("passed", True)


async def test_what_everybody_has_of_xml_is_fetched_from_nobody(site: Path) -> None:
    desk = TestSystem()
    head, element, rest = desk.files["land.xsd"].partition(b"<xs:simpleType ")
    at_w3 = b'<xs:import namespace="http://www.w3.org/XML/1998/namespace" schemaLocation="http://www.w3.org/2001/xml.xsd"/>'
    desk.files["land.xsd"] = head + at_w3 + element + rest
    assert rest
    assert (await probed(site, desk))["wsdl"].verdict == "passed"


def test_a_description_is_compared_by_what_it_means(tmp_path: Path) -> None:
    held = read(LAND / "land.wsdl", "land")
    (tmp_path / "land.xsd").write_bytes((LAND / "land.xsd").read_bytes().replace(b"\n", b"\r\n"))
    text = (LAND / "land.wsdl").read_text("utf-8")
    (tmp_path / "land.wsdl").write_text(f"<!-- later -->{text.partition('?>')[2]}", "utf-8")
    assert drift.differences(held, read(tmp_path / "land.wsdl", "land")) == ()
    changed = msgspec.structs.replace(held.operations[0].takes.fields[0], longest=5)
    takes = msgspec.structs.replace(held.operations[0].takes, fields=(changed,))
    other = msgspec.structs.replace(
        held, operations=(msgspec.structs.replace(held.operations[0], takes=takes),)
    )
    found = drift.differences(held, other)
    assert any("max 5" in each for each in found)
    assert sum(each.endswith(": gone") for each in found) == len(found) - 1
    assert drift.new(other, held) == tuple(each.name for each in held.operations[1:])


# --- the command ----------------------------------------------------------------------------------------------------


async def test_the_command_says_what_to_do_and_its_status_what_it_found(site: Path) -> None:
    desk = TestSystem()
    desk.late = timedelta(hours=1)
    words = ("partner", "probe", "so-tnmt", "--settings", str(site), "--lang", "en")
    async with loopback(desk) as (_, url):
        ran = await asyncio.to_thread(line, *words, "--base-url", f"{url}/land", "--json", opener=wired)
        told = {row["check"]: row for row in json.loads(ran.out)}
        assert (ran.status, told["clock"]["verdict"], told["clock"]["code"]) == (3, "failed", "HUB-PRB-002")
        desk.late = timedelta(0)
        ran = await asyncio.to_thread(
            line, *words, "--base-url", f"{url}/land", opener=wired, terminal=True, width=220
        )
        assert (ran.status, "✓ passed" in ran.out) == (0, True)
    refused = await asyncio.to_thread(line, *words, opener=wired)
    assert (refused.status, "HUB-PRB-001" in refused.err) == (6, True)
    with nobody() as port:
        gone = await asyncio.to_thread(line, *words, "--base-url", f"http://127.0.0.1:{port}", opener=wired)
    assert gone.status == 8
