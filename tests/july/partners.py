"""The partner files of the plan's systems: each speaks the protocol that it has in the field, with a key of its own."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from schemas.dossier import Kind
from tests.july.places import (
    BUILDING,
    DIEN_BAN,
    FINANCE,
    HOI_AN,
    INSURANCE,
    JUSTICE,
    LAND,
    LAND_OFFICE,
    PROVINCE,
    TAM_KY,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

KINDS = [kind for kind in Kind if kind not in {Kind.DELIVERY_FAILED, Kind.CATALOGUE_PUBLISHED}]
HEARD = ["received", "transferred", "supplement_submitted", "withdrawn", "returned"]
SPOKEN = {
    "trung-tam": "motcua",
    "so-tnmt": "own",
    "vp-dat-dai": "own",
    "so-tai-chinh": "own",
    "so-tu-phap": "own",
    "so-xay-dung": "soap",
    "tam-ky": "own",
    "tam-ky-moi": "own",
    "bhxh": "own",
    "hoi-an": "lgsp",
    "hoi-an-2": "own",
    "dien-ban": "mapi",
    "dien-ban-2": "own",
    "cong-dvcqg": "portal",
}
"""How each system speaks; those that speak the hub's own words do so in JSON."""
AGENCIES = {
    "trung-tam": PROVINCE,
    "so-tnmt": LAND,
    "vp-dat-dai": LAND_OFFICE,
    "so-tai-chinh": FINANCE,
    "so-tu-phap": JUSTICE,
    "so-xay-dung": BUILDING,
    "tam-ky": TAM_KY,
    "tam-ky-moi": TAM_KY,
    "bhxh": INSURANCE,
    "hoi-an": HOI_AN,
    "hoi-an-2": HOI_AN,
    "dien-ban": DIEN_BAN,
    "dien-ban-2": DIEN_BAN,
    "cong-dvcqg": "000.00.00.G22",
}
FORMATS = {
    "own": "lienthong.message@1",
    "soap": "lienthong.message@1",
    "motcua": "motcua.rest@1",
    "lgsp": "opencps.lgsp@1",
    "mapi": "dvcqg.mapi@1",
    "portal": "dvcqg.calls@1",
}
DECIDING = ("so-tnmt", "vp-dat-dai", "so-tai-chinh")
OFFICE = "so-tu-phap"
"""A department without a system: what is for it lies in its mailbox."""


def key_of(name: str) -> str:
    return f"key of {name}"


def secret_of(name: str) -> str:
    return f"a secret of 32 bytes or more of {name}"


def write(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in SPOKEN:
        (folder / f"{name}.toml").write_text(_file(name), "utf-8")
    return folder


def _file(name: str) -> str:
    room = "mailbox" if name == OFFICE else "rest"
    agency, speaks = AGENCIES[name], SPOKEN[name]
    head = f'id = "{name}"\nagency = "{agency}"\nroom = "{room}"\nname = {{ vi = "{name}", en = "{name} (sample)" }}\n'
    stage = '[stage]\ndefault = "parallel"\n' if name == "tam-ky-moi" else ""
    codes = [PROVINCE] if speaks == "portal" else [agency]
    return head + stage + _access(name, speaks) + _sends(name, speaks, codes) + _receives(name)


def _access(name: str, speaks: str) -> str:
    if speaks in {"lgsp", "mapi"}:
        return f'[[access.clients]]\nid = "{name}"\nsecrets = ["{_sha256(secret_of(name))}"]\n'
    if name == OFFICE:
        return f'[access]\napi_keys = ["{_sha256(key_of(name))}"]\n'
    return ""


def _sends(name: str, speaks: str, codes: Sequence[str]) -> str:
    kinds = [kind for kind in KINDS if kind in _SAID_BY_RECORDS.get(speaks, KINDS)]
    if name in {*DECIDING, OFFICE}:
        kinds.remove(Kind.RECEIVED)  # the centre takes in for them
    told = (
        f'[sends]\nformat = "{FORMATS[speaks]}"\nkinds = {json.dumps(kinds)}\ncodes = {json.dumps([*codes])}\n'
        f'authority = "{PROVINCE}"\n'
    )
    if speaks in {"lgsp", "mapi"} or name == OFFICE:
        return told
    key = secret_of(name) if speaks == "portal" else key_of(name)
    return told + f'api_keys = ["{_sha256(key)}"]\n'


_SAID_BY_RECORDS = {
    "lgsp": {"received", "corrected", "step", "finished", "returned", "recalled", "report_published"},
    "mapi": {
        *("received", "refused_at_reception", "step", "supplement_requested", "duty_announced", "suspended"),
        *("resumed", "withdrawn", "finished", "returned", "recalled", "corrected", "record_published"),
    },
    "portal": {"received", "corrected", "duty_announced", "duty_paid"},
}


def _receives(name: str) -> str:
    if name not in {*DECIDING, OFFICE, "trung-tam"}:
        return ""
    mapping = "motcua.rest@1" if name == "trung-tam" else "lienthong.message@1"
    told = (
        f'[receives]\nkinds = {json.dumps(HEARD)}\nrole = "decides"\nmapping = "{mapping}"\n'
        f'authority = "{PROVINCE}"\n'
    )
    return told if name == OFFICE else told + '[receives.rest]\nbase_url = "http://127.0.0.1:9"\n'


def _sha256(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
