"""The doctor: a hub in good order has nothing to mend; each finding is seen when it is made true, in both languages."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from hub.demo.processes import free_ports
from hub.demo.scene import build
from hub.doctor.facts import (
    Certificate,
    Collected,
    Declared,
    Facts,
    Finding,
    Folder,
    Legacy,
    Machine,
    Opened,
    Silent,
    Unreached,
)
from hub.doctor.rules import TOLD_ELSEWHERE, examine
from hub.doctor.words import FORESEEN, table, words
from hub.evidence.contract import Standing
from hub.replicating.board import Worry
from hub.settings import file as settings_file
from hub.settings.values import address
from hub.store.contract.views import QueueRow
from hub.store.contract.watching import Figures, Inspection, Process, Verdict
from hub.trust.forecast import Event
from hub.wiring.examining import gather
from hub.wiring.parts import store_of
from schemas.problems import Problem
from tests.doubles.clamd import clamd

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hub.demo.scene import Scene

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
GB = 1 << 30


def process(role: str, **changes: Any) -> Process:
    made = Process(id=role, host="m", pid=1, role=role, version="1", since=NOW, seen=NOW)
    return msgspec.structs.replace(made, **changes)


ROW = QueueRow(
    partner="so-tnmt", counts={"waiting": 2}, blocked=0, oldest=NOW, paused=False, circuit="closed"
)
OPENED = Opened(
    figures=Figures(engine="sqlite", version="3.54.1", size=1, log=1),
    inspection=Inspection(
        settings={"journal_mode": "wal", "synchronous": "2"}, stuck=0, newest=NOW, backup=NOW
    ),
    queue=[ROW],
    processes=[process("web"), process("worker")],
    verdicts=[Verdict(name="conservation", at=NOW, since=NOW, seconds=1.0)],
)
WELL = Facts(
    machine=Machine(now=NOW, files=65_536),
    declared=Declared(
        disk_free=GB,
        connections=2048,
        certificates=[Certificate(name="seal", ends=NOW + timedelta(days=31))],
    ),
    folder=Folder(path="/data", writable=True, mode=0o700, free=100 * GB, kind="ext4"),
    opened=OPENED,
)
WRONG = Problem(code="HUB-CFG-001", place="a.toml: id", line=3, rule="unknown key")


def with_(part: str, **changes: Any) -> Facts:
    """The healthy hub with something changed: ``part`` is a path of fields."""

    def changed(value: Any, steps: list[str]) -> Any:
        if not steps or not steps[0]:
            return msgspec.structs.replace(value, **changes)
        inner = changed(getattr(value, steps[0]), steps[1:])
        return msgspec.structs.replace(value, **{steps[0]: inner})

    made: Facts = changed(WELL, part.split("."))
    return made


def row(**changes: Any) -> Facts:
    return with_("opened", queue=[msgspec.structs.replace(ROW, **changes)])


POSTGRES = Figures(engine="postgresql", version="16.2", size=1)
SAFE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}

BELOW = {
    "stands": {"code": "HUB-EDG-020"},
    "silent": {"hours": "5", "down": "3"},
    "clock": {"seconds": "400"},
    "ends": {"days": "9"},
    "broken": {"rule": "x"},
    "behind": {"version": "1", "newest": "2", "code": "HUB-EDG-043"},
    "halted": {"code": "HUB-EDG-025", "detail": "mot-cua"},
}
"""What may be said of a hub below, with what is told of it (``hub.replicating.board.worries``, ``halted``)."""

ILL: dict[str, tuple[str, bool, Facts]] = {
    "a partner file is wrong": ("settings", True, with_("declared", problems=[WRONG])),
    "the pool does not start": ("tools", True, with_("declared", tools=[WRONG])),
    "a key may be read by others": ("key-weak", False, with_("declared", weak=[WRONG])),
    "a certificate ends soon": ("certificate-ends", False, with_("declared", certificates=[Certificate(name="a", ends=NOW + timedelta(days=29))])),
    "a certificate has ended": ("certificate-ended", True, with_("declared", certificates=[Certificate(name="a", ends=NOW)])),
    "old signatures are taken": ("sha1", False, with_("declared", legacy=[Legacy(partner="a", until=NOW.date() + timedelta(days=1))])),
    "old signatures are taken no more": ("sha1-ended", False, with_("declared", legacy=[Legacy(partner="a", until=NOW.date() - timedelta(days=2))])),
    "the folder cannot be written": ("data-folder", True, with_("folder", writable=False)),
    "others may read the folder": ("data-folder", False, with_("folder", mode=0o750)),
    "the disk is short": ("disk-short", False, with_("folder", free=2 * GB)),
    "the disk is full": ("disk-short", True, with_("folder", free=GB // 2)),
    "sqlite lies on a network disk": ("network-disk", True, with_("folder", kind="nfs4")),
    "the store does not open": ("store", True, with_("", shut=[WRONG])),
    "sqlite does not sync": ("store-setting", True, with_("opened.inspection", settings={"journal_mode": "wal", "synchronous": "1"})),
    "postgresql does not sync": ("store-setting", True, with_("opened", figures=POSTGRES, inspection=Inspection(settings={**SAFE, "fsync": "off"}, stuck=0, backup=NOW))),
    "postgresql answers before the disk": ("store-setting", True, with_("opened", figures=POSTGRES, inspection=Inspection(settings={**SAFE, "synchronous_commit": "off"}, stuck=0, backup=NOW))),
    "postgresql is old": ("store-version", True, with_("opened", figures=msgspec.structs.replace(POSTGRES, version="14.9"), inspection=Inspection(settings=SAFE, stuck=0, backup=NOW))),
    "sqlite is old": ("store-version", True, with_("opened.figures", version="3.40.1")),
    "the database's clock differs": ("clock-skew", True, with_("opened.inspection", clock=NOW - timedelta(seconds=6))),
    "the journal is ahead of the clock": ("clock-skew", True, with_("opened.inspection", newest=NOW + timedelta(seconds=6))),
    "the clock was never set": ("clock-wrong", True, with_("machine", now=datetime(1970, 1, 1, tzinfo=UTC))),
    "no worker runs": ("no-process", True, with_("opened", processes=[process("web")])),
    "the web process is silent": ("no-process", True, with_("opened", processes=[process("worker"), process("web", seen=NOW - timedelta(seconds=30))])),
    "versions differ": ("versions-differ", False, with_("opened", processes=[process("web"), process("worker", version="2")])),
    "an address is taken": ("port-taken", True, with_("machine", taken=[("listen", "127.0.0.1:8080")])),
    "nobody signs what persons decided": ("unsigned", False, msgspec.structs.replace(with_("declared", signs=False), opened=msgspec.structs.replace(OPENED, staged=2))),
    "conservation is broken": ("conservation", True, with_("opened", verdicts=[Verdict(name="balance", at=NOW, since=NOW, seconds=1, broken=("x",))])),
    "nobody checks": ("unwatched", False, with_("opened", verdicts=[Verdict(name="conservation", at=NOW - timedelta(hours=1), since=NOW, seconds=1)])),
    "nobody chains": ("unchained", False, with_("opened", evidence=Standing(segments=0, entries=0, top=0, head=bytes(32), unchained=NOW - timedelta(minutes=11)))),
    "something is old": ("oldest", False, row(oldest=NOW - timedelta(hours=25))),
    "nobody fetches": ("unfetched", False, row(unfetched=NOW - timedelta(hours=25))),
    "something stopped": ("stopped", False, row(counts={"dead": 1})),
    "a partner is paused": ("paused", False, row(paused=True)),
    "a circuit is open": ("circuit", False, row(circuit="open", circuit_code="HUB-NET-001")),
    "nothing can be picked up": ("not-collected", True, with_("opened", collected=[Collected(partner="a", alarm_after=60.0, good_at=NOW - timedelta(minutes=2), code="HUB-NET-001")])),
    **{
        f"a hub below: {what}": (f"edge-{what}", what in {"stands", "broken", "halted"}, with_("opened", edges=[Worry(what=what, partner="a", values=values)]))
        for what, values in BELOW.items()
    },
    "a message gave way to another hub's": ("yielded", False, with_("opened.inspection", yielded=2, yields=("000.00.15.H47-261122-0001", "withdrawal"))),
    "a message moved nothing and reached nobody": ("strays", False, with_("opened.inspection", strays=2, stray=("000.00.15.H47-261122-0001", "HUB-DOS-004"))),
    "a lease is stuck": ("stuck-lease", True, with_("opened.inspection", stuck=1)),
    "the log is large": ("large-log", False, with_("opened.figures", log=GB)),
    "the database is nearly as large as it may be": ("database-large", False, msgspec.structs.replace(with_("opened.figures", size=900), declared=msgspec.structs.replace(WELL.declared, database=1000))),
    "the database is larger than it may be": ("database-large", True, msgspec.structs.replace(with_("opened", figures=msgspec.structs.replace(POSTGRES, size=1001), inspection=Inspection(settings=SAFE, stuck=0, backup=NOW)), declared=msgspec.structs.replace(WELL.declared, database=1000))),
    "there is no backup": ("no-backup", False, with_("opened.inspection", backup=None)),
    "the backup is old": ("old-backup", False, with_("opened.inspection", backup=NOW - timedelta(hours=27))),
    "a partner is away": ("unreachable", True, with_("", unreached=[Unreached(partner="a", address="b:1", why="c")])),
    "the malware scanner is silent": ("scanner-silent", True, with_("", scanner=Silent(address="a:1", why="b"))),
    "too few files may be open": ("few-files", False, with_("machine", files=1024)),
}  # fmt: skip


def test_a_hub_in_good_order_has_nothing_to_mend() -> None:
    assert examine(WELL) == ()
    elsewhere = with_(
        "opened", figures=POSTGRES, inspection=Inspection(settings=SAFE, stuck=0, clock=NOW, backup=NOW)
    )
    assert examine(elsewhere) == ()


@pytest.mark.parametrize("how", ILL)
def test_each_finding_is_seen_when_it_is_true(how: str) -> None:
    wanted, grave, facts = ILL[how]
    found = [(finding.id, finding.grave) for finding in examine(facts)]
    assert (wanted, grave) in found
    assert {name for name, _ in found} <= {
        wanted,
        "certificate-ended",
        "clock-skew",
        "unwatched",
        "no-process",
    }


def test_every_finding_has_its_words_and_is_made_true_here() -> None:
    assert {wanted for wanted, _, _ in ILL.values()} == set(table())
    for wanted, _, facts in ILL.values():
        for finding in examine(facts):
            for language in ("vi", "en"):
                said = words(finding, language)
                assert said.says
                assert said.do
                assert "{" not in said.says + said.do
        assert wanted in table()
    assert words(Finding(id="paused", grave=False, values={"partner": "a"}), "en").says == "a is paused"


def test_what_stopped_on_trial_is_no_finding() -> None:
    assert list(examine(row(counts={"dead": 1}, trial={"dead": 1}))) == []


KINDS = set(table(FORESEEN))


@pytest.mark.parametrize("kind", sorted(KINDS - TOLD_ELSEWHERE))
@pytest.mark.parametrize("stops", [None, NOW, NOW + timedelta(days=1)])
def test_what_is_foreseen_is_found_and_grave_once_somebody_has_stopped(
    kind: str, stops: datetime | None
) -> None:
    event = Event(kind=kind, name="a", at=NOW, partners=("b",), stops=stops, detail="c")
    (found,) = examine(with_("opened", trust=[event]))
    assert (found.id, found.grave) == (f"trust-{kind}", stops == NOW)
    for language in ("vi", "en"):
        said = words(found, language)
        assert said.says
        assert said.do
        assert "{" not in said.says + said.do


# --- on a real site ---------------------------------------------------------------------------------------------


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    hub, *others = free_ports(5)
    made = build(tmp_path / "site", hub, (others[0], others[1], others[2]))
    with made.settings.open("a", encoding="utf-8") as file:
        file.write(f'[metrics]\nlisten = "127.0.0.1:{others[3]}"\n')
    return made


async def found(scene: Scene, *, network: bool = False) -> dict[str, Finding]:
    facts = await gather(scene.settings, lambda: datetime.now(UTC), network=network)
    return {finding.id: finding for finding in examine(facts)}


def data(scene: Scene) -> Path:
    return settings_file.load(scene.settings, {}).data


async def made(scene: Scene) -> None:
    store = store_of(settings_file.load(scene.settings, {}))
    await store.close()


async def test_a_site_that_never_ran_is_left_as_it_is(scene: Scene) -> None:
    seen = await found(scene)
    assert not {name for name, finding in seen.items() if finding.grave}
    assert not (data(scene) / "hub.db").exists()


async def test_the_data_folder_that_the_hub_makes_is_its_own_alone(scene: Scene) -> None:
    before = os.umask(0o022)
    try:
        await made(scene)
    finally:
        os.umask(before)
    assert data(scene).stat().st_mode & 0o777 == 0o700
    assert "data-folder" not in await found(scene)


async def test_a_database_that_does_not_answer_is_not_called_damaged(scene: Scene) -> None:
    text = scene.settings.read_text("utf-8")
    scene.settings.write_text(f'database = "postgresql://hub@127.0.0.1:1/hub"\n{text}', "utf-8")
    assert (await found(scene))["store"].values["code"] == "HUB-STO-011"


async def test_a_site_that_was_made_and_does_not_run_lacks_its_processes(scene: Scene) -> None:
    await made(scene)
    seen = await found(scene)
    assert {name for name, finding in seen.items() if finding.grave} == {"no-process"}
    assert "no-backup" in seen


def _settings(scene: Scene) -> None:
    with scene.settings.open("a", encoding="utf-8") as file:
        file.write("nope = 1\n")


def _partner(scene: Scene) -> None:
    file = next((scene.settings.parent / "partners").glob("*.toml"))
    file.write_text(file.read_text("utf-8") + "\n[nope]\n", "utf-8")


def _key(scene: Scene) -> None:
    key = scene.settings.parent / "keys" / "province-seal.key"
    key.chmod(0o600)
    key.write_text("no key", "utf-8")


def _open_folder(scene: Scene) -> None:
    data(scene).chmod(0o755)


def _master(scene: Scene) -> None:
    path = data(scene) / "master.key"
    path.chmod(0o600)
    path.write_bytes(os.urandom(32))


def _no_master(scene: Scene) -> None:
    (data(scene) / "master.key").unlink()


def _damaged(scene: Scene) -> None:
    (data(scene) / "hub.db").write_bytes(b"no database" * 1000)


def _disk(scene: Scene) -> None:
    with scene.settings.open("a", encoding="utf-8") as file:
        file.write('[limits]\ndisk_free = "1000000000GB"\n')


@pytest.mark.parametrize(
    ("harm", "wanted", "code"),
    [
        (_settings, "settings", "HUB-CFG-002"),
        (_partner, "settings", "HUB-CFG-001"),
        (_key, "tools", "HUB-CRT-003"),
        (_open_folder, "data-folder", ""),
        (_master, "store", "HUB-STO-007"),
        (_no_master, "store", "HUB-STO-007"),
        (_damaged, "store", "HUB-STO-010"),
        (_disk, "disk-short", ""),
    ],
)
async def test_what_is_wrong_with_a_site_is_found(
    scene: Scene, harm: Callable[[Scene], None], wanted: str, code: str
) -> None:
    await made(scene)
    assert wanted not in await found(scene)
    harm(scene)
    seen = await found(scene)
    assert seen[wanted].values.get("code", "") == code


async def test_a_lease_that_nobody_takes_back_and_a_clock_that_went_back_are_found(scene: Scene) -> None:
    await made(scene)
    store: Any = store_of(settings_file.load(scene.settings, {}))
    later = int((datetime.now(UTC) + timedelta(hours=1)).timestamp() * 1_000_000)
    await store._writes.run(
        lambda db: (
            db.execute("INSERT INTO lease(token, worker, since, until, body) VALUES('t', 'w', 0, 1, x'90')"),
            db.execute(
                "INSERT INTO journal(at, what, message, transfer, facts) VALUES(?,'x','','','{}')", (later,)
            ),
        )
    )
    await store.close()
    assert {"stuck-lease", "clock-skew"} <= set(await found(scene))


async def test_a_partner_that_answers_no_connection_is_found_only_when_the_network_is_asked(
    scene: Scene,
) -> None:
    assert "unreachable" not in await found(scene)
    assert "unreachable" in await found(scene, network=True)


async def test_an_address_that_another_program_has_is_found(scene: Scene) -> None:
    settings = settings_file.load(scene.settings, {})
    with socket.create_server((settings.host, settings.port)):
        told = (await found(scene))["port-taken"]
        assert told.values == {"setting": "listen", "address": settings.listen}
        assert "đổi listen" in words(told, "vi").do
    host, port = address(settings.metrics.listen)
    with socket.create_server((host, port)):
        assert (await found(scene))["port-taken"].values["setting"] == "[metrics] listen"


async def test_while_the_store_is_shut_nobody_is_accused_of_having_the_hubs_own_address(scene: Scene) -> None:
    await made(scene)
    _damaged(scene)
    settings = settings_file.load(scene.settings, {})
    with socket.create_server((settings.host, settings.port)):
        seen = await found(scene)
    assert "store" in seen
    assert "port-taken" not in seen


async def test_a_store_that_takes_long_to_open_does_not_make_the_clocks_differ(scene: Scene) -> None:
    await made(scene)
    store: Any = store_of(settings_file.load(scene.settings, {}))
    at = int((datetime.now(UTC) + timedelta(seconds=30)).timestamp() * 1_000_000)
    await store._writes.run(
        lambda db: db.execute(
            "INSERT INTO journal(at, what, message, transfer, facts) VALUES(?,'x','','','{}')", (at,)
        )
    )
    await store.close()
    read = iter([datetime.now(UTC), *[datetime.now(UTC) + timedelta(seconds=31)] * 3])
    facts = await gather(scene.settings, lambda: next(read), network=False)
    assert "clock-skew" not in {finding.id for finding in examine(facts)}


@pytest.mark.parametrize("mood", ["", "babble", "mute", "reset", "gone"])
async def test_a_malware_scanner_that_does_not_answer_is_found(scene: Scene, mood: str) -> None:
    async with clamd(mood=mood) as scanner:
        address = "127.0.0.1:1" if mood == "gone" else scanner.address
        with scene.settings.open("a", encoding="utf-8") as file:
            file.write(f'[scanner]\naddress = "{address}"\ntimeout = "1s"\n')
        told = await found(scene)
        assert ("scanner-silent" in told) == bool(mood)
        if mood:
            assert told["scanner-silent"].values["address"] == address
            assert told["scanner-silent"].values["why"]
        assert scanner.streams == []


def test_the_command_tells_it_and_ends_with_three(scene: Scene) -> None:
    _key(scene)
    words_ = [sys.executable, "-m", "hub.cli.main", "--settings", str(scene.settings)]

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*words_, *more], capture_output=True, text=True, check=False, timeout=60)

    data(scene).mkdir(mode=0o755)
    told = json.loads(run("doctor", "--json", "--lang", "en").stdout)
    assert [one["id"] for one in told if one["grave"]] == ["tools"]
    assert "HUB-CRT-003" in told[0]["says"]
    shown = run("doctor")
    assert shown.returncode == 3
    assert "HUB-CRT-003" in shown.stdout
    assert "mode 0755" in {one["id"]: one["says"] for one in told}["data-folder"]
    vietnamese = json.loads(run("doctor", "--json", "--lang", "vi").stdout)
    assert "quyền 0755" in {one["id"]: one["says"] for one in vietnamese}["data-folder"]
