"""What the demonstration stands on: keys, secrets, settings and partner files, made from ``examples/``."""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

from hub.demo import stamping
from hub.demo.keys import Authority, make_seal
from schemas.problems import refuse

EXAMPLES = Path(__file__).parents[2] / "examples"
MARK = ".lienthong-demo"
"""In a folder with this file everything may be thrown away; no other folder is touched."""

SENDER, LAND, PORTAL = 9001, 9002, 9003
"""The ports that the example partner files name; the demonstration puts free ones in their place."""


@dataclass(frozen=True)
class Scene:
    """Where everything is. ``api_key``: the sender's; it exists for this demonstration only.

    ``stamping_port``: where a time-stamping authority answers; 0: the hub signs and stamps no evidence.
    """

    folder: Path
    hub_port: int
    ports: tuple[int, int, int]
    api_key: str
    stamping_port: int = 0

    @property
    def settings(self) -> Path:
        return self.folder / "hub" / "lienthong.toml"

    @property
    def sender_key(self) -> Path:
        return self.folder / "onestop" / "motcua.key"

    @property
    def sender_certificate(self) -> Path:
        return self.sender_key.with_suffix(".pem")

    @property
    def root(self) -> Path:
        return self.folder / "hub" / "keys" / "root.pem"

    @property
    def portal_password(self) -> Path:
        return self.folder / "hub" / "partners" / "secrets" / "dvcqg.txt"

    def partner(self, room: str) -> str:
        """Return the id of the example partner in this room."""
        declared = (tomllib.loads(file.read_text("utf-8")) for file in (EXAMPLES / "partners").glob("*.toml"))
        return next(str(partner["id"]) for partner in declared if partner["room"] == room)

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


def build(folder: Path, hub_port: int, ports: tuple[int, int, int], *, stamping_port: int = 0) -> Scene:
    """Make the folder anew. Raises ``Refusal`` HUB-CFG-002 when something that is not a demonstration's stands there."""
    if not EXAMPLES.is_dir():
        raise refuse(
            "HUB-CFG-002", "examples", rule="run from a checkout: the demonstration is made from examples/"
        )
    _empty(folder)
    scene = Scene(folder, hub_port, ports, secrets.token_urlsafe(24), stamping_port)
    authority = Authority("Lien thong demo root")
    make_seal(scene.settings.parent / "keys", "province-seal", "UBND tỉnh (minh họa)", authority)
    if stamping_port:
        keys = scene.settings.parent / "keys"
        make_seal(keys, "evidence", "UBND tỉnh, bằng chứng (minh họa)", authority, small=True)
        stamping.prepare(scene.stamping, authority)
    make_seal(scene.sender_key.parent, "motcua", "Phần mềm một cửa (minh họa)", authority)
    api_key = scene.sender_key.with_name("api.key")  # what docs/howto/send-a-message.md begins with
    api_key.touch(mode=0o600)
    api_key.write_text(f"{scene.api_key}\n", "utf-8")
    _settings(scene)
    _partners(scene)
    return scene


def _empty(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise refuse("HUB-CFG-002", str(folder), rule="an empty folder, or one that a demonstration made")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARK).touch()


def _settings(scene: Scene) -> None:
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

[workers]
delivery = 2
pool = 1
""",
        "utf-8",
    )


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


def _partners(scene: Scene) -> None:
    to = scene.settings.parent / "partners"
    (to / "keys").mkdir(parents=True)
    (to / "secrets").mkdir()
    shutil.copy(scene.sender_certificate, to / "keys" / "motcua-tinh.pem")
    scene.portal_password.write_text(secrets.token_urlsafe(16) + "\n", "utf-8")
    scene.portal_password.chmod(0o400)
    hashed = hashlib.sha256(scene.api_key.encode()).hexdigest()
    for example in sorted((EXAMPLES / "partners").glob("*.toml")):
        text = example.read_text("utf-8")
        for named, real in zip((SENDER, LAND, PORTAL), scene.ports, strict=True):
            text = text.replace(f"127.0.0.1:{named}", f"127.0.0.1:{real}")
        text = re.sub(r"sha256:0{64}", f"sha256:{hashed}", text)
        (to / example.name).write_text(text, "utf-8")
