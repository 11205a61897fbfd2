"""What the demonstration stands on: keys, secrets, settings and partner files, made from ``examples/``."""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hub.demo import stamping
from hub.demo.cast import COMMUNE, EXAMPLES, FIRST, LAND, ONESTOP, PORTAL, cast
from hub.demo.keys import Authority, make_seal
from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MARK = ".lienthong-demo"
"""In a folder with this file everything may be thrown away; no other folder is touched."""


@dataclass(frozen=True)
class Scene:
    """Where everything is. ``api_key``: the sender's; it exists for this demonstration only.

    ``ports``: of the one-stop, the land department and the portal. ``others``: of the rest of the province; empty: these systems are
    not there. ``stamping_port``: where a time-stamping authority answers; 0: the hub signs and stamps no evidence.
    """

    folder: Path
    hub_port: int
    ports: tuple[int, int, int]
    api_key: str
    stamping_port: int = 0
    others: Mapping[str, int] = field(default_factory=dict)

    @property
    def settings(self) -> Path:
        return self.folder / "hub" / "lienthong.toml"

    @property
    def places(self) -> Mapping[str, int]:
        """The port of each system that is called."""
        return {**dict(zip((ONESTOP, LAND, PORTAL), self.ports, strict=True)), **self.others}

    @property
    def systems(self) -> tuple[str, ...]:
        """Who is there: everybody, or the first ones."""
        return tuple(cast()) if self.others else FIRST

    @property
    def sender_key(self) -> Path:
        return self.seal_of(ONESTOP)

    @property
    def sender_certificate(self) -> Path:
        return self.sender_key.with_suffix(".pem")

    @property
    def root(self) -> Path:
        return self.folder / "hub" / "keys" / "root.pem"

    @property
    def portal_password(self) -> Path:
        return self.secret_file(PORTAL)

    def secret_file(self, name: str) -> Path:
        """What the hub shows to that system."""
        return self.folder / "hub" / "partners" / "secrets" / f"{cast()[name].declared['id']}.txt"

    def key_file(self, name: str) -> Path:
        """What that system shows to the hub."""
        return self.folder / name / "api.key"

    def seal_of(self, name: str) -> Path:
        """The key that it signs with; the certificate stands beside it."""
        return self.folder / name / ("motcua.key" if name == ONESTOP else f"{name}.key")

    @property
    def share(self) -> Path:
        """The folder that the hub and the commune share."""
        return self.folder / "hub" / "share" / "an-my"

    def partner(self, room: str) -> str:
        """Return the id of the first system in this room."""
        found = (system.declared for system in cast().values())
        return next(str(partner["id"]) for partner in found if partner["room"] == room)

    @property
    def pulled(self) -> Path:
        """What the portal fetched by the links that it was sent."""
        return self.folder / "portal" / "pulled.jsonl"

    @property
    def stamping(self) -> Path:
        """What the time-stamping authority works with, where this machine has what it takes."""
        return self.folder / "stamping"

    @property
    def evidence(self) -> Path:
        return self.folder / "evidence"

    def journal(self, partner: str) -> Path:
        return self.folder / partner / "journal.jsonl"


def build(
    folder: Path,
    hub_port: int,
    ports: tuple[int, int, int],
    *,
    stamping_port: int = 0,
    others: Mapping[str, int] | None = None,
    workers: int = 2,
) -> Scene:
    """Make the folder anew. Raises ``Refusal`` HUB-CFG-002 when something that is not a demonstration's stands there."""
    if not EXAMPLES.is_dir():
        raise refuse(
            "HUB-CFG-002", "examples", rule="run from a checkout: the demonstration is made from examples/"
        )
    _empty(folder)
    scene = Scene(folder, hub_port, ports, secrets.token_urlsafe(24), stamping_port, others or {})
    authority = Authority("Lien thong demo root")
    keys = scene.settings.parent / "keys"
    make_seal(keys, "province-seal", "UBND tỉnh (minh họa)", authority)
    if stamping_port:
        make_seal(keys, "evidence", "UBND tỉnh, bằng chứng (minh họa)", authority, small=True)
        stamping.prepare(scene.stamping, authority)
    _settings(scene, workers)
    for folder_ in ("keys", "secrets"):
        (scene.settings.parent / "partners" / folder_).mkdir(parents=True)
    for name in scene.systems:
        _join(scene, name, authority)
    return scene


def _join(scene: Scene, name: str, authority: Authority) -> None:
    """Give a system what it signs with and shows, and the hub the file that it is reached by."""
    system, to = cast()[name], scene.settings.parent / "partners"
    text = system.joined if scene.others else system.text
    if system.seal:
        seal = scene.seal_of(name)
        make_seal(seal.parent, seal.stem, f"{system.declared['name']['vi']} (minh họa)", authority)
        shutil.copy(seal.with_suffix(".pem"), to / "keys" / f"{system.file}.pem")
    if system.secret:
        _secret(scene.secret_file(name), secrets.token_urlsafe(16))
    if system.key and (scene.others or name == ONESTOP):
        key = scene.api_key if name == ONESTOP else secrets.token_urlsafe(24)
        _secret(scene.key_file(name), key)
        text = re.sub(r"sha256:(\d)\1{63}", f"sha256:{hashlib.sha256(key.encode()).hexdigest()}", text)
    if name == COMMUNE:
        for side in ("in", "out"):
            (scene.share / side / ".lienthong").mkdir(parents=True)
    if system.port:
        text = text.replace(f"127.0.0.1:{system.port}", f"127.0.0.1:{scene.places[name]}")
    (to / f"{system.file}.toml").write_text(text, "utf-8")


def _secret(file: Path, content: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    file.write_text(f"{content}\n", "utf-8")


def _empty(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise refuse("HUB-CFG-002", str(folder), rule="an empty folder, or one that a demonstration made")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARK).touch()


def _settings(scene: Scene, workers: int) -> None:
    scene.settings.write_text(
        f"""# Made by `lienthong demo`. Keys and secrets here are good for nothing else.
data = "data"
partners = "partners"
listen = "127.0.0.1:{scene.hub_port}"
public_url = "http://127.0.0.1:{scene.hub_port}"
lease = "5s"

[keys.province-seal]
file = "keys/province-seal.key"
certificate = "keys/province-seal.pem"
{_evidence(scene)}

{_desks(scene)}
[workers]
delivery = {workers}
pool = 1
""",
        "utf-8",
    )


def _desks(scene: Scene) -> str:
    """Where the land registration office's system calls, which has a client for a one-stop already, and the national portal."""
    return '\n[desks]\nvbdlis = "/vbdlis"\nportal = "/cong"\n' if scene.others else ""


def _evidence(scene: Scene) -> str:
    if not scene.stamping_port:
        return ""
    signs = """
[keys.evidence]
file = "keys/evidence.key"
certificate = "keys/evidence.pem"

[evidence]
key = "evidence"
certificates = ["keys/root.pem"]
"""
    if not stamping.possible():
        return signs
    return f"""{signs}
[timestamps]
url = "http://127.0.0.1:{scene.stamping_port}"
certificates = ["keys/root.pem"]
policy = "{stamping.POLICY}"
"""
