"""Partner files: everything wrong with all of them is said at once, with file, line and path."""

from __future__ import annotations

import hashlib
from pathlib import Path  # noqa: TC003 - pydantic reads the annotations at run time
from typing import ClassVar

import msgspec
import pytest
from pydantic import BaseModel, ConfigDict

from connectors.edxml.settings import Settings as Edxml
from connectors.folder.settings import Settings as Folder
from connectors.gip.settings import Settings as Gip
from hub.partners import reading
from hub.partners.partner import Partner, capacities
from hub.partners.world import World
from hub.routing.parties import Party
from hub.store.contract.delivery import Capacity
from schemas.dossier import Kind
from schemas.problems import Problem, Refusal

KEY = "sha256:" + hashlib.sha256(b"open sesame").hexdigest()


class Auth(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    secret_file: Path
    more: dict[str, Path] = {}


class Post(BaseModel):
    """The settings of a room that exists only here."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    url: str
    timeout: float = 60
    wsdl: Path | None = None
    auth: Auth | None = None


WORLD = World(
    rooms={"pigeon": Post},
    mappings=frozenset({"motcua.rest@1", "land.soap@1"}),
    keys=frozenset({"province-seal"}),
    agency=lambda code: code in {"000.00.00.H47", "000.00.15.H47"},
)

GOOD = f"""\
id = "so-dat"
agency = "000.00.15.H47"
room = "pigeon"

[name]
vi = "Sở Đất"
en = "Land department"

[stage]
default = "live"
procedures = {{ "1.009999" = "trial" }}

[sends]
format = "motcua.rest@1"
kinds = ["received", "step"]
codes = ["000.00.00.H47"]
authority = "000.00.00.H47"
api_keys = ["{KEY}"]

[sends.signature]
binding = "jws-detached"
certificates = ["keys/pin.pem"]

[receives]
kinds = ["received", "finished"]
role = "decides"
mapping = "land.soap@1"
authority = "000.00.00.H47"
schedule = ["30s", "5m", "24h"]
can_be_asked = true
order_sensitive = false
concurrency = 2
rate = 20.0

[receives.signature]
binding = "xmldsig-enveloped"
key = "province-seal"

[receives.pigeon]
url = "https://example.invalid/roost"
auth = {{ secret_file = "keys/pin.pem", more = {{ ak = "keys/ring" }} }}

[[receives.replies]]
status = [200]
code = ["-3"]
phrase = "đã tồn tại"
outcome = "delivered"
reason = "HUB-PAR-007"
"""


def write(folder: Path, text: str = GOOD, name: str = "so-dat.toml") -> Path:
    (folder / "keys").mkdir(exist_ok=True)
    for file in ("pin.pem", "ring"):
        (folder / "keys" / file).write_text("pin")
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def problems(folder: Path, text: str) -> list[Problem]:
    write(folder, text)
    with pytest.raises(Refusal) as caught:
        reading.load(folder, WORLD)
    return list(caught.value.problems)


def read(folder: Path, text: str = GOOD) -> Partner:
    write(folder, text)
    [partner] = reading.load(folder, WORLD)
    return partner


def test_a_whole_file_becomes_a_frozen_partner(tmp_path: Path) -> None:
    partner = read(tmp_path)
    assert partner.sends is not None
    assert partner.receives is not None
    assert partner.receives.schedule == (30.0, 300.0, 86400.0)
    assert partner.sends.signature is not None
    assert [one.file for one in partner.sends.signature.certificates] == [tmp_path / "keys/pin.pem"]
    assert partner.receives.replies[0].phrase == "đã tồn tại"
    assert partner.settings == Post(
        url="https://example.invalid/roost",
        auth=Auth(secret_file=tmp_path / "keys/pin.pem", more={"ak": tmp_path / "keys/ring"}),
    )


def test_routing_and_the_claim_see_their_own_sides_of_it(tmp_path: Path) -> None:
    partner = read(tmp_path)
    assert partner.party == Party(
        partner_id="so-dat",
        agency="000.00.15.H47",
        room="pigeon",
        role="decides",
        kinds=("received", "finished"),
        sends=("received", "step"),
        stage="live",
        stages={"1.009999": "trial"},
    )
    assert capacities((partner,)) == (
        Capacity(partner="so-dat", concurrency=2, rate=20.0, burst=1, order_sensitive=False),
    )


def test_a_partner_that_never_receives_needs_no_room_table(tmp_path: Path) -> None:
    text = GOOD[: GOOD.index("[receives]")]
    partner = read(tmp_path, text)
    assert (partner.receives, partner.settings, partner.capacity) == (None, None, None)
    assert partner.party.kinds == ()


@pytest.mark.parametrize(
    ("room", "rule"),
    [
        ('room = "owl"', "one of: dove, pigeon"),
        ("room = 7", "valid string"),
        ("", "key is required"),
        ('room = "dove"', "the room whose table is there: pigeon"),
    ],
)
def test_what_is_wrong_in_a_rooms_table_is_told_while_the_room_is_wrong(
    tmp_path: Path, room: str, rule: str
) -> None:
    text = GOOD.replace('secret_file = "keys/pin.pem"', 'secret_file = "keys/none"').replace(
        'room = "pigeon"', room
    )
    text = text.replace("[receives.pigeon]\n", "[receives.pigeon]\nspeed = 3\n")
    write(tmp_path, text)
    world = msgspec.structs.replace(WORLD, rooms={"pigeon": Post, "dove": Post})
    with pytest.raises(Refusal) as caught:
        reading.load(tmp_path, world)
    told = {each.place.partition(": ")[2]: each.rule for each in caught.value.problems}
    assert rule in told.pop("room")
    assert sorted(told) == ["receives.pigeon.auth.secret_file", "receives.pigeon.speed"]


WRONG = [
    ("unknown key", "concurrency = 2", "concurency = 2", "receives.concurency", "unknown key"),
    ("wrong type", "concurrency = 2", 'concurrency = "two"', "receives.concurrency", "valid integer"),
    ("unknown kind", '"finished"]', '"ended"]', "receives.kinds[1]", "should be"),
    (
        "unknown agency",
        'agency = "000.00.15.H47"',
        'agency = "000.00.99.H47"',
        "agency",
        "agency of the registry",
    ),
    ("unknown room", 'room = "pigeon"', 'room = "owl"', "room", "one of: pigeon"),
    ("missing mapping", "land.soap@1", "land.soap@9", "receives.mapping", "mapping of the library"),
    ("missing key", '"province-seal"', '"nobodys-seal"', "receives.signature.key", "name of a key"),
    (
        "missing pin",
        '["keys/pin.pem"]',
        '["keys/none.pem"]',
        "sends.signature.certificates[0]",
        "a file that is there",
    ),
    (
        "missing room file",
        'secret_file = "keys/pin.pem"',
        'secret_file = "keys/none"',
        "receives.pigeon.auth.secret_file",
        "a file that is there",
    ),
    (
        "missing room file among others",
        '"keys/ring"',
        '"keys/none"',
        "receives.pigeon.auth.more.ak",
        "a file that is there",
    ),
    (
        "open http",
        "https://example",
        "http://example",
        "receives.pigeon.url",
        "only https:// leaves this machine",
    ),
    ("bad duration", '"5m"', '"5 minutes"', "receives.schedule[1]", "a duration"),
    ("bare key", KEY, "open sesame", "sends.api_keys[0].hash", "match pattern"),
    (
        "unknown outcome",
        'outcome = "delivered"',
        'outcome = "fine"',
        "receives.replies[0].outcome",
        "should be",
    ),
    ("unknown room key", "url =", 'nest = "oak"\nurl =', "receives.pigeon.nest", "unknown key"),
    ("a duration that no clock can tell", '"24h"', '"99999y"', "receives.schedule[2]", "less than or equal"),
    (
        "a burst that no counter holds",
        "concurrency = 2",
        "burst = 99999999999999999999",
        "receives.burst",
        "less than or equal",
    ),
    ("another room's table", "[receives.pigeon]", "[receives.owl]", "receives.owl", "unknown key"),
]


@pytest.mark.parametrize(
    ("old", "new", "place", "rule"), [row[1:] for row in WRONG], ids=[row[0] for row in WRONG]
)
def test_a_mistake_is_named_with_file_line_and_path(
    tmp_path: Path, old: str, new: str, place: str, rule: str
) -> None:
    text = GOOD.replace(old, new, 1)
    found = {problem.place: problem for problem in problems(tmp_path, text)}
    problem = found[f"so-dat.toml: {place}"]
    assert problem.code == "HUB-CFG-001"
    assert problem.line == line_of(text, new.splitlines()[0])
    assert rule in problem.rule


def test_all_problems_of_all_files_are_named_at_once(tmp_path: Path) -> None:
    write(tmp_path, GOOD.replace("land.soap@1", "x@1").replace('"5m"', '"5"'), "a.toml")
    write(tmp_path, GOOD.replace("https://", "http://").replace("role =", "rule ="), "b.toml")
    write(tmp_path, "id = ", "c.toml")
    with pytest.raises(Refusal) as caught:
        reading.load(tmp_path, WORLD)
    assert [problem.place for problem in caught.value.problems] == [
        "a.toml: receives.mapping",
        "a.toml: receives.schedule[1]",
        "b.toml: receives.rule",
        "b.toml: receives.pigeon.url",
        "c.toml",
        "b.toml: id",
        "b.toml: sends.api_keys[0]",
    ]


def test_an_id_and_an_api_key_stand_in_one_file_only(tmp_path: Path) -> None:
    write(tmp_path, GOOD, "a.toml")
    write(tmp_path, GOOD, "b.toml")
    with pytest.raises(Refusal) as caught:
        reading.load(tmp_path, WORLD)
    assert [(problem.place, problem.line) for problem in caught.value.problems] == [
        ("b.toml: id", 1),
        ("b.toml: sends.api_keys[0]", 18),
    ]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "http://[::1]:9/x", "http://localhost/x"])
def test_plain_http_is_allowed_on_this_machine(tmp_path: Path, url: str) -> None:
    partner = read(tmp_path, GOOD.replace("https://example.invalid/roost", url))
    assert isinstance(partner.settings, Post)
    assert partner.settings.url == url


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1.example/x", "HTTP://example/x", "http://localhost@example/x", "http://[::1"]
)
def test_plain_http_to_elsewhere_is_refused_however_it_is_written(tmp_path: Path, url: str) -> None:
    [problem] = problems(tmp_path, GOOD.replace("https://example.invalid/roost", url))
    assert problem.rule == "only https:// leaves this machine"


def test_no_value_of_a_file_enters_a_problem(tmp_path: Path) -> None:
    text = (
        GOOD.replace(KEY, "swordfish")
        .replace('"province-seal"', '"swordfish"')
        .replace("rate = 20.0", 'rate = "swordfish"')
    )
    assert "swordfish" not in repr(problems(tmp_path, text))


def test_every_kind_of_the_canonical_words_may_be_declared(tmp_path: Path) -> None:
    kinds = ", ".join(f'"{kind}"' for kind in Kind)
    assert len(read(tmp_path, GOOD.replace('["received", "finished"]', f"[{kinds}]")).party.kinds) == len(
        Kind
    )


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal):
        reading.load(tmp_path / "absent", WORLD)


OURS = '[receives.signature]\nbinding = "xmldsig-enveloped"\nkey = "province-seal"\n'
THEIRS = '[receives.reply_signature]\nbinding = "jws-detached"\ncertificates = ["keys/pin.pem"]\n'


@pytest.mark.parametrize(
    ("table", "place"),
    [
        (OURS.replace("xmldsig-enveloped", "wss"), "receives.signature.binding"),
        (
            OURS.replace("xmldsig-enveloped", "modi-rest") + 'audience = "urn:dat"\nissuer = "urn:hub"\n',
            "receives.signature.binding",
        ),
        (OURS + THEIRS, "receives.reply_signature.binding"),
    ],
)
def test_a_room_that_cannot_sign_its_calls_or_check_replies_is_not_asked_to(
    tmp_path: Path, table: str, place: str
) -> None:
    """Otherwise messages would leave unsigned, and replies be believed, and the file would say the opposite."""
    assert OURS in GOOD
    found = problems(tmp_path, GOOD.replace(OURS, table))
    assert [problem.place.rpartition(": ")[2] for problem in found] == [place]


class Box(BaseModel):
    """The settings of a room whose partners come themselves."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    fetches: ClassVar[bool] = True


def test_who_fetches_says_who_it_is_is_asked_nothing_and_gets_its_messages_in_order(tmp_path: Path) -> None:
    world = msgspec.structs.replace(WORLD, rooms={"box": Box})
    told = f"""\
id = "so-tc"
agency = "000.00.15.H47"
room = "box"
name = {{ vi = "Sở", en = "Office" }}
[access]
api_keys = ["{KEY}"]
[receives]
kinds = ["received"]
mapping = "land.soap@1"
authority = "000.00.00.H47"
"""
    file = tmp_path / "one.toml"
    file.write_text(told)
    one = reading.read(file, world)
    assert one.fetches
    assert one.capacity
    assert one.capacity.fetches
    file.write_text(
        told.replace(f'api_keys = ["{KEY}"]', "signature = false")
        + "can_be_asked = true\norder_sensitive = false\n"
    )
    with pytest.raises(Refusal) as refused:
        reading.read(file, world)
    assert [problem.place.partition(" ")[2] for problem in refused.value.problems] == [
        "room",
        "receives.can_be_asked",
        "receives.order_sensitive",
    ]


def test_a_partner_that_answers_declares_what_it_sends(tmp_path: Path) -> None:
    world = msgspec.structs.replace(WORLD, rooms={"gip": Gip})
    file = tmp_path / "one.toml"
    told = """\
id = "thue"
agency = "000.00.15.H47"
room = "gip"
name = { vi = "Thuế", en = "Tax" }
[receives]
kinds = ["transferred"]
mapping = "land.soap@1"
authority = "000.00.00.H47"
[receives.gip]
base_url = "http://127.0.0.1:9"
sender = "H47"
sender_name = "Tỉnh"
"""
    file.write_text(told)
    with pytest.raises(Refusal) as refused:
        reading.read(file, world)
    assert [problem.place.partition(" ")[2] for problem in refused.value.problems] == ["receives"]
    sends = '[sends]\nformat = "motcua.rest@1"\nkinds = ["duty_announced"]\nauthority = "000.00.00.H47"\n'
    file.write_text(told + sends)
    assert reading.read(file, world).sends


def test_one_payee_takes_an_agencys_money_of_a_kind(tmp_path: Path) -> None:
    file = tmp_path / "one.toml"
    told = (
        'id = "cong"\nagency = "000.00.00.H47"\nroom = "pigeon"\nname = { vi = "c", en = "c" }\n'
        f'[sends]\nformat = "motcua.rest@1"\nkinds = ["received"]\nauthority = "000.00.00.H47"\napi_keys = ["{KEY}"]\n'
    )
    line = '[[sends.payees]]\naccount = "{}"\n'
    duties, one = line.format(2) + 'of = "duties"\n', line.format(3) + 'agency = "000.00.15.H47"\n'
    file.write_text(told + line.format(1) + duties + one)
    read = reading.read(file, WORLD).sends
    assert read
    assert [(payee.agency, payee.of, payee.account) for payee in read.payees] == [
        (None, "fees", "1"),
        (None, "duties", "2"),
        ("000.00.15.H47", "fees", "3"),
    ]
    file.write_text(told + line.format(1) * 2)
    with pytest.raises(Refusal) as refused:
        reading.read(file, WORLD)
    assert refused.value.problems[0].rule == "one payee for each agency and kind of money"


def test_a_folder_names_the_place_of_each_direction_that_is_declared(tmp_path: Path) -> None:
    world = msgspec.structs.replace(WORLD, rooms={"folder": Folder}, collecting=frozenset({"folder"}))
    file = tmp_path / "one.toml"
    file.write_text(f"""\
id = "so-xd"
agency = "000.00.15.H47"
room = "folder"
name = {{ vi = "Sở", en = "Office" }}
[sends]
format = "motcua.rest@1"
kinds = ["received"]
authority = "000.00.00.H47"
[sends.collect]
[receives]
kinds = ["received"]
mapping = "land.soap@1"
authority = "000.00.00.H47"
[receives.folder]
inbox = "{tmp_path}"
""")
    with pytest.raises(Refusal) as refused:
        reading.read(file, world)
    assert [problem.place.partition(" ")[2] for problem in refused.value.problems] == [
        "receives.folder.outbox"
    ]
    file.write_text(file.read_text().replace("inbox", "outbox"))
    with pytest.raises(Refusal) as refused:
        reading.read(file, world)
    assert [problem.place.partition(" ")[2] for problem in refused.value.problems] == [
        "receives.folder.inbox"
    ]


@pytest.mark.parametrize("acknowledges", [False, True])
@pytest.mark.parametrize("key", ["progress", "recalls"])
def test_nobody_acknowledges_what_is_told_by_status_messages(
    tmp_path: Path, key: str, *, acknowledges: bool
) -> None:
    room = (
        '[receives.edxml]\nbase_url = "https://example.invalid"\norgan = "a"\nown = "b"\n'
        f'{key} = true\n[receives.edxml.way]\nkind = "vxp"\nsystem = "hub"\nsecret_file = "keys/ring"\n'
    )
    start, end = GOOD.index("[receives.pigeon]"), GOOD.index("[[receives.replies]]")
    text = (GOOD[:start] + room + GOOD[end:]).replace('room = "pigeon"', 'room = "edxml"')
    text = text.replace("can_be_asked = true", f"acknowledges = {str(acknowledges).lower()}")
    world = msgspec.structs.replace(WORLD, rooms={"edxml": Edxml})
    if not acknowledges:
        assert reading.load(write(tmp_path, text).parent, world)
        return
    with pytest.raises(Refusal) as caught:
        reading.load(write(tmp_path, text).parent, world)
    assert [problem.place.partition(" ")[2] for problem in caught.value.problems] == ["receives.acknowledges"]


@pytest.mark.parametrize("way", ["vxp", "truclienthong"])
def test_only_an_interface_that_lists_what_was_sent_can_be_asked(tmp_path: Path, way: str) -> None:
    room = (
        '[receives.edxml]\nbase_url = "https://example.invalid"\norgan = "a"\nown = "b"\n'
        f'[receives.edxml.way]\nkind = "{way}"\nsecret_file = "keys/ring"\n'
    ) + ('system = "hub"\n' if way == "vxp" else "")
    start, end = GOOD.index("[receives.pigeon]"), GOOD.index("[[receives.replies]]")
    text = (GOOD[:start] + room + GOOD[end:]).replace('room = "pigeon"', 'room = "edxml"')
    world = msgspec.structs.replace(WORLD, rooms={"edxml": Edxml})
    if way == "vxp":
        assert reading.load(write(tmp_path, text).parent, world)
        return
    with pytest.raises(Refusal) as caught:
        reading.load(write(tmp_path, text).parent, world)
    assert [problem.place.partition(" ")[2] for problem in caught.value.problems] == ["receives.can_be_asked"]
