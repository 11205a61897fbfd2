"""The how-tos, done: every command of a page is run in a copy of the checkout, and what it prints is what the page shows.

A page is a list of fenced blocks. ``sh`` blocks are run in one shell, one after the other; a block with ``file=NAME`` is written
there first; a ``text`` block shows lines that the command before it prints, with ``…`` for what differs each time. Port numbers
are put aside for free ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator  # noqa: TC003 - fixtures are annotated
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import pytest

from hub.cli.main import main as command_line
from hub.demo.cast import EXAMPLES
from hub.demo.messages import stories
from hub.demo.processes import Processes, answers, free_ports
from hub.demo.scene import Scene, build
from signing.jose.detached import DetachedSigner
from signing.keys.ring import KeySource, load
from tests.integration.demonstrated import MESSAGES, ended_well

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.demo.messages import Said
    from tests.doubles.postgres import Cluster

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FENCE = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PORTS = re.compile(r"\b(?:8080|91\d\d)\b")
PACKAGES = ("connectors", "hub", "schemas", "signing")
PATIENCE = 280

pytestmark = pytest.mark.timeout(300)


class Block(NamedTuple):
    kind: str
    file: str
    text: str


class Checkout:
    """A copy of what is in the repository, with our own environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports: dict[str, int] = {}
        names = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout.decode()
        for name in filter(None, names.split("\0")):
            source = ROOT / name
            if source.is_file() and not name.startswith(("tests/", "docs/", "bench/")):
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)
        for package in PACKAGES:  # each command would compile the whole hub anew
            for compiled in (ROOT / package).rglob("__pycache__"):
                shutil.copytree(compiled, folder / compiled.relative_to(ROOT), dirs_exist_ok=True)
        (folder / ".venv").symlink_to(ROOT / ".venv")

    def port(self, shown: str) -> int:
        return self.ports.setdefault(shown, free_ports(1)[0])

    def run(self, blocks: list[Block]) -> list[str]:
        """Do what a page says; return what each ``sh`` block printed, those of the page's other blocks empty."""
        script = ["set -eu", "exec 2>&1"]
        for number, (kind, file, text) in enumerate(blocks):
            told = PORTS.sub(lambda found: str(self.port(found[0])), text)
            if file:
                here = self.folder / f".block-{number}"
                here.write_text(told, "utf-8")
                script.append(f"mkdir -p '{Path(file).parent}' && cp '{here}' '{file}'")
            elif kind == "sh":
                script.append(told)
            script.append(f"printf '\\n=== %s done\\n' {number}")
        return self._parted(self._shell("\n".join(script)), len(blocks))

    def environment(self) -> dict[str, str]:
        told = {name: value for name, value in os.environ.items() if not name.startswith("LIENTHONG_")}
        return told | {
            "PYTHONPATH": str(self.folder),
            "PYTHONDONTWRITEBYTECODE": "",
            "TERM": "dumb",
            "NO_COLOR": "1",
        }

    def _shell(self, script: str) -> str:
        said = self.folder / ".said"
        with said.open("wb") as output:
            shell = subprocess.Popen(
                ["bash", "-c", script],
                cwd=self.folder,
                env=self.environment(),
                stdout=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
            try:
                shell.wait(PATIENCE)
            finally:
                _end_session(shell.pid)
                shell.wait()
        text = said.read_text("utf-8", "replace")
        assert shell.returncode == 0, f"exit status {shell.returncode}\n{text[-4000:]}"
        return text

    def _parted(self, said: str, count: int) -> list[str]:
        parts = re.split(r"\n=== \d+ done\n", said)
        assert len(parts) == count + 1, said[-4000:]
        shown = {str(real): name for name, real in self.ports.items()}
        return [
            re.sub(r"\b\d{4,5}\b", lambda found: shown.get(found[0], found[0]), part)
            for part in parts[:count]
        ]


def _end_session(session: int) -> None:
    """End what the page left running: everything in the shell's own session."""
    try:
        os.killpg(session, signal.SIGTERM)
    except ProcessLookupError:
        return


def blocks_of(page: Path) -> list[Block]:
    return [Block(kind, file or "", text) for kind, file, text in FENCE.findall(page.read_text("utf-8"))]


def said_as_shown(shown: str, said: str) -> bool:
    """Whether the lines of ``shown`` come in this order in ``said``; blanks count as one, ``…`` as anything."""
    patterns = [
        r"[ \t]+".join(re.escape(word).replace("…", ".*") for word in line.split())
        for line in shown.splitlines()
        if line.strip()
    ]
    at = 0
    for pattern in patterns:
        found = re.compile(rf"^[ \t]*{pattern}[ \t]*$", re.MULTILINE).search(said, at)
        if found is None:
            return False
        at = found.end()
    return True


def done(checkout: Checkout, page: Path, instead: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    """Do the page; ``instead``: whole blocks that a test does in another way. Return what each block printed."""
    blocks = [block._replace(text=instead.get(block.text, block.text)) for block in blocks_of(page)]
    said = checkout.run(blocks)
    wrong = [
        f"shown:\n{block.text}said:\n{before}"
        for block, before in zip(blocks[1:], said, strict=False)
        if block.kind == "text" and not said_as_shown(block.text, before)
    ]
    assert not wrong, "\n".join(wrong)
    return said


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.fixture
def serving(checkout: Checkout) -> Iterator[Scene]:
    """A hub with the example partners, none of which answers; beside the page lie what its operator hands to a sender."""
    land, *others = free_ports(3)
    scene = build(
        checkout.folder / "operator", checkout.port("8080"), (others[0], land, others[1]), workers=1
    )
    (checkout.folder / "api.key").write_text(scene.api_key, "utf-8")
    shutil.copy(scene.sender_key, checkout.folder / "seal.key")
    shutil.copy(scene.sender_certificate, checkout.folder / "seal.pem")
    shutil.copy(ROOT / "examples" / "messages" / "01-received.json", checkout.folder / "message.json")
    with Processes(checkout.folder / "log", checkout.environment()) as processes:
        processes.start("hub", ["hub.cli.main", "serve", "--settings", str(scene.settings)])
        asyncio.run(answers(f"http://127.0.0.1:{scene.hub_port}/readyz", processes, 120))
        yield scene


@pytest.fixture
def deserted(checkout: Checkout) -> Iterator[Processes]:
    """A hub whose partners are all down, with six dossiers that the department should have."""
    land, *others = (checkout.port("9102"), *free_ports(2))
    scene = build(
        checkout.folder / "operator", checkout.port("8080"), (others[0], land, others[1]), workers=1
    )
    signer = DetachedSigner(
        load(KeySource(name="motcua", file=str(scene.sender_key), certificate=str(scene.sender_certificate)))
    )
    with Processes(checkout.folder / "log", checkout.environment()) as processes:
        processes.start("hub", ["hub.cli.main", "serve", "--settings", str(scene.settings)])
        asyncio.run(answers(f"http://127.0.0.1:{scene.hub_port}/readyz", processes, 90))
        for story in stories(EXAMPLES / "messages", 6):
            _post(scene, story[0], signer)
        _wait_until_stopped(scene)
        yield processes


def _post(scene: Scene, said: Said, signer: DetachedSigner) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{scene.hub_port}/v1/messages",
        data=said.body,
        headers={
            "Authorization": f"Bearer {scene.api_key}",
            "Content-Type": "application/json",
            "Idempotency-Key": f'"{said.key}"',
            "X-JWS-Signature": signer.sign(said.body, datetime.now(UTC)),
        },
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - our own hub on loopback
        assert answer.status == 202


def _wait_until_stopped(scene: Scene) -> None:
    """Until the land department's door is shut: what ``lienthong queue list`` says, asked in this process."""
    for _ in range(600):
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            assert command_line(["queue", "list", "--json", "--settings", str(scene.settings)]) == 0
        rows = json.loads(said.getvalue())
        if any(row["partner"] == "so-tnmt" and row["door"] == "stopped" for row in rows):
            return
        time.sleep(0.1)
    raise AssertionError(rows)


@pytest.fixture
def proving(checkout: Checkout) -> Iterator[None]:
    """A hub that signs and stamps what it does; no partner answers, and one dossier waits for all of them."""
    hub, stamper, *others = free_ports(5)
    ports = (others[0], others[1], others[2])
    scene = build(checkout.folder / "operator", hub, ports, stamping_port=stamper, workers=1)
    shutil.copy(scene.root, checkout.folder / "root.pem")
    signer = DetachedSigner(
        load(KeySource(name="motcua", file=str(scene.sender_key), certificate=str(scene.sender_certificate)))
    )
    with Processes(checkout.folder / "log", checkout.environment()) as processes:
        stamps = ["hub.demo.stamping", "--port", str(stamper), "--folder", str(scene.stamping)]
        processes.start("stamping", stamps)
        processes.start("hub", ["hub.cli.main", "serve", "--settings", str(scene.settings)])
        asyncio.run(answers(f"http://127.0.0.1:{scene.hub_port}/readyz", processes, 90))
        _post(scene, next(iter(stories(EXAMPLES / "messages", 1)))[0], signer)
        yield


@pytest.mark.usefixtures("proving")
def test_evidence_is_exported_and_checked(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "evidence.md")


@pytest.fixture
def server(checkout: Checkout, cluster: Cluster) -> None:
    """An empty database by the name that the page says."""
    checkout.ports["9132"] = cluster.port
    with cluster.connect("postgres") as db:
        db.execute("DROP DATABASE IF EXISTS lienthong")
        db.execute("CREATE DATABASE lienthong")


@pytest.fixture
def stopped(checkout: Checkout, deserted: Processes) -> None:
    """The same hub, stopped with its six dossiers in the queue."""
    deserted.stop("hub")
    assert checkout.folder.is_dir()


@pytest.mark.usefixtures("deserted")
def test_a_hub_is_backed_up_and_restored(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "back-up-and-restore.md")


@pytest.mark.usefixtures("stopped", "server")
def test_a_stopped_hub_moves_to_postgresql(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "move-to-postgresql.md")


@pytest.mark.usefixtures("deserted")
def test_a_partner_that_is_down_is_looked_after(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "partner-outages.md")


def test_a_partner_is_added_with_files_alone(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "add-a-partner.md")


def test_an_agency_without_a_system_fetches_what_is_for_it(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "agencies-without-a-system.md")


def test_a_partner_goes_live_by_stages(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "going-live.md")


def test_a_district_joins_works_without_a_line_and_agrees_afterwards(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "district-hub.md")


def test_figures_are_counted_published_and_restated(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "figures.md")


def test_a_unit_is_taken_over_by_another(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "merge-districts.md")


def test_dossiers_go_over_the_document_axis_and_back(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "document-axis.md")


def test_a_partner_is_let_in_by_each_way_and_for_what_it_may(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "let-a-partner-in.md")


def test_a_one_stop_system_publishes_to_the_hub_with_the_client_it_has(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "drop-in-lgsp.md")


def test_a_partner_behind_a_provincial_gateway_is_declared_and_probed(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "lgsp-gateway.md")


def test_a_one_stop_system_reports_to_the_hub_with_the_client_it_has(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "drop-in-portal.md")


def test_the_sandbox_runs_partners_that_misbehave_by_number(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "sandbox.md")


def test_the_land_administration_system_calls_the_hub(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "land-and-tax.md")


def test_a_department_speaks_soap_with_the_toolkit_it_has(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "soap-service.md")


def test_the_national_portal_is_reached_in_each_generation_and_its_lists_are_taken(
    checkout: Checkout,
) -> None:
    done(checkout, DOCS / "howto" / "national-portal.md")


def test_messages_are_signed_by_foreign_tools_in_each_form(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "sign-messages.md")


def test_it_is_declared_and_asked_who_may_sign_what(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "who-may-sign.md")


def test_keys_change_and_certificates_are_asked_about(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "keys-and-trust.md")


@pytest.mark.usefixtures("serving")
def test_a_message_is_sent_by_curl_and_by_python(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "send-a-message.md")


@pytest.mark.usefixtures("serving")
def test_a_document_is_uploaded_in_parts_and_named_by_a_message(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "send-documents.md")


def test_a_hub_is_set_up_watched_stopped_and_backed_up(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "run-the-hub.md")


def test_each_move_of_a_person_is_made_and_does_what_it_says(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "what-operators-do.md")


def test_a_hub_is_watched_by_its_figures_its_doctor_and_its_own_check(checkout: Checkout) -> None:
    done(checkout, DOCS / "howto" / "watch-the-hub.md")


def test_the_first_hour_goes_as_it_is_told(checkout: Checkout) -> None:
    """``make`` would also build the environment, which is there; fewer messages, because the page shows no count."""
    demo = {"make demo\n": f".venv/bin/lienthong demo --directory var/demo --messages {MESSAGES}\n"}
    told, *_ = done(checkout, DOCS / "tutorial" / "first-hour.md", demo)
    ended_well(told, checkout.folder / "var" / "demo")


def test_a_department_that_nobody_knew_is_connected_without_python(checkout: Checkout) -> None:
    done(checkout, DOCS / "tutorial" / "a-new-department.md")


def test_every_page_with_commands_is_run_here() -> None:
    with_commands = {
        page.name for page in DOCS.rglob("*.md") if any(block.kind == "sh" for block in blocks_of(page))
    }
    run = set(re.findall(r'"([a-z-]+\.md)"', Path(__file__).read_text("utf-8")))
    assert with_commands == run


@pytest.mark.parametrize(
    ("shown", "said", "same"),
    [
        ("a … c\nb", "  a x   c \n--\n b\n", True),
        ("b\na", "a\nb\n", False),
        ("a", "ab", False),
        ("1 2", "1\n2", False),
        ("a.c", "abc", False),
    ],
)
def test_shown_lines_come_whole_and_in_order(shown: str, said: str, same: bool) -> None:
    assert said_as_shown(shown, said) is same
