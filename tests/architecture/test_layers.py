"""Who may import whom: the contracts in pyproject.toml, and the few names that only the wiring may say."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path for part in ("schemas", "connectors", "signing", "hub") for path in (ROOT / part).rglob("*.py")
)
ROOMS = sorted(
    {file.parent.name for name in ("codec", "desk") for file in (ROOT / "connectors").glob(f"*/{name}.py")}
    - {"simulators"}
)

WIRING = ("hub/wiring/",)
RULES: dict[str, tuple[str, ...]] = {
    "tests": (),
    "bench": (),
    "tools": (),
    "connectors.catalogue": WIRING,
    "connectors.simulators": ("connectors/simulators/", "hub/demo/"),
    **{f"connectors.{room}": (f"connectors/{room}/", "connectors/catalogue.py") for room in ROOMS},
    # what two hubs say to each other is the hub's own: both ends of that line are in hub
    "connectors.edge": (
        *("connectors/edge/", "connectors/catalogue.py", "hub/edges/", "hub/rounds/syncing.py"),
        *("hub/api/edge_desk.py", "hub/api/operations.py", "hub/judging/relaying.py", "hub/replicating/"),
        *("hub/reconciling/", "hub/cli/edge", *WIRING),
    ),
    "hub.store.sql": ("hub/store/", *WIRING),
    "hub.store.sqlite": ("hub/store/sqlite/", *WIRING),
    "hub.store.postgres": ("hub/store/postgres/", *WIRING),
    "hub.wiring": ("hub/wiring/", "hub/processes/programs.py", "hub/cli/opening.py", "hub/demo/"),
    "hub.demo": ("hub/demo/", "hub/cli/"),
    "apsw": ("hub/store/sqlite/",),
    "psycopg": ("hub/store/postgres/",),
}
"""A module, and the places that may import it or what is in it."""


def imported(source: str) -> Iterator[str]:
    """Name every module that a source imports, wherever the statement stands; also for type checking only."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def wrong(where: str, source: str) -> list[str]:
    return [
        name
        for name in imported(source)
        for module, places in RULES.items()
        if f"{name}.".startswith(f"{module}.") and not where.startswith(places)
    ]


def test_the_contracts_of_the_import_linter_are_kept() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([program, "--no-cache"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout
    assert " 0 broken" in done.stdout


def test_nothing_is_imported_where_it_must_not_be() -> None:
    assert len(SOURCES) > 100
    assert len(ROOMS) >= 3
    found = {
        str(path.relative_to(ROOT)): wrong(str(path.relative_to(ROOT)), path.read_text("utf-8"))
        for path in SOURCES
    }
    assert {where: names for where, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("where", "source"),
    [
        ("hub/delivery/delivery.py", "import tests.doubles.pki"),
        ("hub/demo/run.py", "from bench import house"),
        ("hub/delivery/delivery.py", "from connectors import catalogue"),
        ("hub/judging/judge.py", "def f():\n    from connectors.catalogue import ROOMS"),
        ("connectors/rest/client.py", "from connectors.soap import envelope"),
        ("hub/delivery/delivery.py", "if TYPE_CHECKING:\n    from connectors.rest.settings import Settings"),
        ("hub/api/desk.py", "from hub.store.sqlite.store import open_store"),
        ("hub/delivery/delivery.py", "import hub.store.sqlite"),
        ("hub/delivery/delivery.py", "from hub.store.sql import lanes"),
        ("hub/intake/intake.py", "import apsw"),
        ("hub/cli/opening.py", "from hub.store.postgres.store import open_store"),
        ("hub/store/sql/store.py", "import psycopg"),
        ("connectors/rest/client.py", "from connectors.simulators.server import Server"),
        ("hub/delivery/delivery.py", "from hub import wiring"),
    ],
)
def test_a_forbidden_import_is_seen(where: str, source: str) -> None:
    assert wrong(where, source)


def test_a_longer_name_is_another_module() -> None:
    assert wrong("hub/delivery/delivery.py", "import testsuite\nfrom connectors.restful import x") == []


def test_what_few_processes_need_is_loaded_by_those_only() -> None:
    """The web framework, what reads WSDL and aiohttp take as long to load as everything else of a command."""
    heavy = {"aiohttp", "fastapi", "requests", "uvicorn", "zeep"}
    asked = "import sys, hub.processes.programs, hub.wiring.declared, hub.wiring.tools; print(*sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", asked], capture_output=True, text=True, cwd=ROOT, check=True
    ).stdout
    loaded = set(said.split())
    assert "hub.wiring.declared" in loaded
    assert heavy & loaded == set()
