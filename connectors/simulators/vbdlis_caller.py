"""The land offices' information system as a client of the hub (facts §5.1): all that it says about a dossier that a one-stop handed to it.

Its security code is the last segment of each address. It believes ``Result`` and nothing else; what it cannot read, or an overload in front, it says
again as it stands: its dates say when something happened, never when it was said.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

from connectors.simulators.calling import Ask
from connectors.simulators.vbdlis_calls import LIFE, life, understood

if TYPE_CHECKING:
    from connectors.simulators.calling import Heard, Verdict

HEADERS = {"Accept": "application/json", "Content-Type": "application/json; charset=utf-8"}
VERDICTS: dict[int, Verdict] = {1: "taken", 0: "refused"}


class VbdlisCaller:
    operations: tuple[str, ...] = LIFE
    asks: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()

    def __init__(self, secret: str) -> None:
        self._secret = secret

    def greeting(self) -> Ask | None:
        return None

    def admitted(self, _: Heard, /) -> bool:
        return True

    def ask(self, operation: str, dossier: str, _: datetime) -> Ask:
        steps = {step.operation: step.body for step in life(dossier, _day(dossier))}
        path = f"/{operation}/{quote(self._secret, safe='')}"
        return Ask(path=path, body=msgspec.json.encode(steps[operation]), headers=HEADERS)

    def verdict(self, _: str, heard: Heard, /) -> Verdict:
        return VERDICTS.get(understood(heard.status, heard.text).result, "unclear")


def _day(dossier: str) -> datetime:
    return datetime.strptime(dossier.split("-")[-2] + "0200", "%y%m%d%H%M").replace(tzinfo=UTC)
