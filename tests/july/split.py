"""The same half year told to four hubs: three districts' own, and the province's for its departments; each system at its own hub.

    async with split(tmp_path) as province_and_edges:
        await tell(province_and_edges, apart(plan(200)))

All systems say what happened in the hub's own words: what is looked at is what goes on between hubs, not translation.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import aiohttp

from schemas.dossier import Kind
from tests.integration.hubs import At, System, hubs
from tests.july.partners import AGENCIES, DECIDING, OFFICE
from tests.july.places import DIEN_BAN, HOI_AN, INSURANCE, PROVINCE, TAM_KY, agencies
from tests.july.plan import Plan
from tests.july.telling import NEW_SYSTEM, families

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from tests.integration.hubs import Hub
    from tests.july.facts import Case
    from tests.july.telling import Act

TOGETHER = 8
DISTRICTS = {TAM_KY: "tam_ky", HOI_AN: "hoi_an", DIEN_BAN: "dien_ban"}
AT_PROVINCE = ("trung-tam", *DECIDING, OFFICE, "so-xay-dung", "cong-dvcqg", "bhxh")
KINDS = [str(kind) for kind in Kind if kind is not Kind.DELIVERY_FAILED]


@dataclass(frozen=True)
class Voice(System):
    """A system of the plan: departments take nothing in, the portal only hands in, a new system runs in parallel."""

    def file(self) -> str:
        told = super().file()
        if self.id in {*DECIDING, OFFICE}:
            told = told.replace(json.dumps(KINDS), json.dumps(KINDS[1:]), 1)
        if self.id == NEW_SYSTEM:
            told = told.replace("[sends]", '[stage]\ndefault = "parallel"\n[sends]')
        return told


def split(folder: Path) -> AbstractAsyncContextManager[tuple[Hub, ...]]:
    """The province's hub and those of three districts; the line of each can be cut."""
    systems = tuple(_voice(name) for name in AT_PROVINCE)
    edges = {
        name: At(code, tuple(_voice(voice) for voice in _voices(code)), (code,))
        for code, name in DISTRICTS.items()
    }
    return hubs(folder, province=At(PROVINCE, systems), **edges)


def _voices(district: str) -> tuple[str, ...]:
    own = DISTRICTS[district].replace("_", "-")
    return (own, NEW_SYSTEM) if district == TAM_KY else (own,)


def _voice(name: str) -> Voice:
    agency = AGENCIES[name]
    codes = (PROVINCE,) if name == "cong-dvcqg" else (agency,)
    return Voice(name, agency, codes, "informed" if name == "cong-dvcqg" else "decides")


def apart(made: Plan) -> Plan:
    """The same plan, with every system saying what happened."""
    cases, others = (tuple(map(_in_own_words, group)) for group in (made.cases, made.others))
    return Plan(made.targets, cases, others)


def _in_own_words(case: Case) -> Case:
    if case.counter.desk not in {"lgsp", "mapi"}:
        return case
    name = case.counter.name
    return replace(case, counter=replace(case.counter, desk="rest", done_by=name, beside=name))


async def tell(running: tuple[Hub, ...], made: Plan) -> None:
    """Each act at its own hub, in the order of its dossier; what goes between hubs goes as it may."""
    by_name = {hub.name: hub for hub in running}
    lists: dict[tuple[str, int], list[Act]] = defaultdict(list)
    for number, acts in enumerate(families((*made.cases, *made.others))):
        for act in acts:
            lists[home(act), number].append(act)
    gate = asyncio.Semaphore(TOGETHER)
    async with aiohttp.ClientSession() as session:

        async def told(hub: Hub, acts: list[Act]) -> None:
            async with gate:
                for act in acts:
                    await _say(session, hub, act)

        await asyncio.gather(*(told(by_name[name], acts) for (name, _), acts in lists.items()))


def home(act: Act) -> str:
    """The hub of whoever speaks."""
    if act.voice in AT_PROVINCE:
        return "province"
    unit = act.case.unit if act.case.unit != INSURANCE else TAM_KY
    district = unit if unit in DISTRICTS else agencies()[unit]["parent"]
    return DISTRICTS[district]


async def _say(session: aiohttp.ClientSession, hub: Hub, act: Act) -> None:
    body = act.body()
    if act.kind == "handed-in":
        body["event"] |= {"kind": "received", "state": "submitted"}
        body["dossier"] |= {"procedure": {"national": act.case.work.national}, "channel": "online"}
    headers = {
        "Authorization": f"Bearer {_voice(act.voice).key}",
        "Idempotency-Key": act.key,
        "Lienthong-Trial": "true" if act.case.stage == "trial" else "false",
    }
    for _ in range(act.times):
        async with session.post(f"{hub.url}/v1/messages", json=body, headers=headers) as got:
            assert got.status in {200, 202}, (act.key, await got.text())
