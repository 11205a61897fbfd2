"""Who plays: each system of the province with the file that a hub reaches it by, and the program that stands for it."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.demo.scene import Scene

ONESTOP, LAND, PORTAL, DISTRICT = "onestop", "land", "portal", "district"
AXIS, REGISTRY, TAX, FINANCE, COMMUNE = "axis", "registry", "tax", "finance", "commune"


FIRST = (ONESTOP, LAND, PORTAL, FINANCE)
"""The four that every hub made of the examples has; the others join when they are given a place."""
EXAMPLES = Path(__file__).parents[2] / "examples"


class System(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """As ``examples/province/systems.toml`` says. ``port`` 0: nobody calls it."""

    file: str
    protocol: str
    program: str
    port: int = 0
    key: bool = False
    seal: bool = False
    secret: bool = False
    officer: str = ""
    joins: str = ""

    @property
    def text(self) -> str:
        """Its example partner file."""
        return (EXAMPLES / "partners" / f"{self.file}.toml").read_text("utf-8")

    @property
    def joined(self) -> str:
        """The same with what joins it where the whole province is there."""
        more = (EXAMPLES / "desks" / f"{self.joins}.toml").read_text("utf-8") if self.joins else ""
        return f"{self.text}{more}"

    @property
    def declared(self) -> dict[str, Any]:
        """What that file says."""
        return tomllib.loads(self.text)


@cache
def cast() -> Mapping[str, System]:
    """The systems, in the order in which they are told."""
    return msgspec.toml.decode((EXAMPLES / "province" / "systems.toml").read_bytes(), type=dict[str, System])


def called() -> tuple[str, ...]:
    """Those that have a port."""
    return tuple(name for name, system in cast().items() if system.port)


def arguments(scene: Scene, name: str) -> list[str]:
    """The command line of the program that stands for a system."""
    system, journal = cast()[name], ["--journal", str(scene.journal(name))]
    module = f"connectors.simulators.{system.program}"
    if name == FINANCE:
        hub = f"http://127.0.0.1:{scene.hub_port}"
        key, folder = str(scene.key_file(name)), str(scene.folder / name / "letters")
        return [module, "--hub", hub, "--key-file", key, "--folder", folder, "--every", "0.5", *journal]
    if name == COMMUNE:
        return [module, "--outbox", str(scene.share / "out"), *journal]
    told = [module, "--port", str(scene.places[name]), *journal]
    if system.secret:
        told += ["--secret-file", str(scene.secret_file(name))]
    if name == PORTAL:
        told += ["--lists-progress", "--lifetime", "6", "--pulled", str(scene.pulled)]
    return told
