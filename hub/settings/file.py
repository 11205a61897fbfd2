"""The hub's own settings: one closed TOML file, each value open to one ``LIENTHONG_…`` variable.

``LIENTHONG_LIMITS__BODY=2MB`` overrides ``[limits] body``; two underscores stand for a dot. An unknown key, in the
file or in the environment, is refused with its path. Secrets are never here: a key is a name and two file names.
Relative paths are relative to the folder of the settings file.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from hub.closed_toml import Source
from hub.settings.keys import KeyFile, KeyPlace
from hub.settings.replica import standing
from hub.settings.sections import (
    Backup,
    Console,
    Desks,
    Documents,
    Evidence,
    Hub,
    Limits,
    Metrics,
    PdfSignatures,
    Retention,
    Scanner,
    Timestamps,
    Trust,
    Workers,
)
from hub.settings.values import Closed, Seconds, address, database_address, listening
from schemas.problems import Problem, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

CODE = "HUB-CFG-002"
PREFIX = "LIENTHONG_"
FILE_VARIABLE = "LIENTHONG_SETTINGS"
"""Where the command line looks for the file; not a setting itself."""
ITS_OWN = frozenset({FILE_VARIABLE, "LIENTHONG_LANG"})
"""Variables of the command line; they are not settings."""


class Settings(Closed):
    """Everything the composition root needs to know. ``name``: what partners call this hub in what they sign for it
    (``aud``); without one it is ``public_url``: how senders reach the hub, for links in answers.
    """

    data: Path = Path("var/hub")
    database: Annotated[str, BeforeValidator(database_address)] = ""
    database_password_file: Path | None = None
    partners: Path = Path("partners")
    mappings: Path | None = None
    signatories: Path | None = None
    calendar: Path | None = None
    registries: Path | None = None
    listen: Annotated[str, BeforeValidator(listening)] = "127.0.0.1:8080"
    name: Annotated[str, Field(max_length=512)] = ""
    public_url: str = ""
    language: Literal["vi", "en"] = "vi"
    lease: Seconds = 30.0
    keys: dict[str, KeyFile] = Field(default_factory=dict)
    workers: Workers = Workers()
    limits: Limits = Limits()
    desks: Desks = Desks()
    documents: Documents = Documents()
    scanner: Scanner = Scanner()
    timestamps: Timestamps = Timestamps()
    trust: Trust = Trust()
    metrics: Metrics = Metrics()
    retention: Retention = Retention()
    backup: Backup = Backup()
    console: Console = Console()
    hub: Hub = Hub()
    evidence: Evidence = Evidence()
    migrate: bool = True

    @property
    def host(self) -> str:
        return address(self.listen)[0]

    @property
    def port(self) -> int:
        return address(self.listen)[1]


def load(path: Path | None, environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the file (``None``: defaults only) and the environment. Raises ``Refusal`` HUB-CFG-002 with every problem."""
    here = path.parent if path else Path()
    if path is None:
        values, read = {}, None
    else:
        read = Source(path, CODE)
        values = read.values
    merged, from_environment = _with_environment(values, environment)
    try:
        settings = (read or _NoFile()).read(Settings, merged)
    except Refusal as refusal:
        raise Refusal(*(_named(problem, from_environment) for problem in refusal.problems)) from None
    return standing(_anchored(settings, here))


class _NoFile(Source):
    """No file: places are bare paths."""

    def __init__(self) -> None:
        self.path, self.name, self.code = Path(), "settings", CODE
        self.values, self.lines = {}, {}


def _with_environment(
    values: dict[str, Any], environment: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Lay the variables over the file's values; return also which path came from which variable."""
    merged, origins = _copy(values), {}
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name in ITS_OWN:
            continue
        steps = [step.lower() for step in name.removeprefix(PREFIX).split("__")]
        table = merged
        for step in steps[:-1]:
            inner = table.get(step)
            if not isinstance(inner, dict):
                inner = table[step] = {}
            table = inner
        table[steps[-1]] = _scalar(environment[name])
        origins[".".join(steps)] = name
    return merged, origins


def _copy(values: dict[str, Any]) -> dict[str, Any]:
    return {key: _copy(value) if isinstance(value, dict) else value for key, value in values.items()}


def _scalar(text: str) -> str | int:
    return int(text) if re.fullmatch(r"\d+", text) else text


def _named(problem: Problem, origins: Mapping[str, str]) -> Problem:
    path = problem.place.partition(": ")[2]
    name = origins.get(path)
    return (
        problem
        if name is None
        else Problem(code=problem.code, place=f"{name}: {path}", rule=problem.rule, detail=problem.detail)
    )


def _anchored(settings: Settings, here: Path) -> Settings:
    keys = {name: _anchored_key(key, here) for name, key in settings.keys.items()}
    return settings.model_copy(
        update={
            "data": here / settings.data,
            "partners": here / settings.partners,
            "backup": settings.backup.model_copy(update={"folder": here / settings.backup.folder}),
            "signatories": None if settings.signatories is None else here / settings.signatories,
            "mappings": None if settings.mappings is None else here / settings.mappings,
            "database_password_file": None
            if settings.database_password_file is None
            else here / settings.database_password_file,
            "calendar": None if settings.calendar is None else here / settings.calendar,
            "registries": None if settings.registries is None else here / settings.registries,
            "documents": settings.documents.model_copy(
                update={"signatures": _anchored_roots(settings.documents.signatures, here)}
            ),
            "keys": keys,
            "trust": settings.trust.model_copy(
                update={"authorities": tuple(here / file for file in settings.trust.authorities)}
            ),
            "evidence": settings.evidence.model_copy(
                update={"certificates": tuple(here / file for file in settings.evidence.certificates)}
            ),
            "timestamps": settings.timestamps.model_copy(
                update={"certificates": tuple(here / file for file in settings.timestamps.certificates)}
            ),
        }
    )


def _anchored_roots(told: PdfSignatures, here: Path) -> PdfSignatures:
    return told.model_copy(update={"anchors": tuple(here / file for file in told.anchors)})


def _anchored_key(key: KeyFile, here: Path) -> KeyFile:
    generations = tuple(one.model_copy(update=_anchored_place(one, here)) for one in key.generations)
    renewed = None if key.renewed is None else here / key.renewed
    return key.model_copy(
        update={**_anchored_place(key, here), "generations": generations, "renewed": renewed}
    )


def _anchored_place(key: KeyPlace, here: Path) -> dict[str, Path]:
    told = {
        name: getattr(key, name) for name in ("file", "password_file", "certificate", "module", "pin_file")
    }
    return {name: here / file for name, file in told.items() if file is not None}
