"""What the commands need of a hub, and how they come by it.

The commands see these protocols only; the wiring is imported when a command really opens a hub, so that ``--help``,
``error`` and ``version`` start fast and work where nothing is set up.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from schemas.problems import Problem

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from datetime import date, datetime

    from connectors.contract import Outcome, Sealed
    from hub.doctor.facts import Facts
    from hub.documents.contract import Held
    from hub.drafting.draft import Laid
    from hub.edges.enrolling import Enrolling, Welcome
    from hub.edges.standing import Standing as Stands
    from hub.evidence.contract import Root
    from hub.figures.publishing import Edition, FigureDesk
    from hub.going_live.coverage import Line
    from hub.going_live.importing import World as ImportWorld
    from hub.going_live.stages import Stage
    from hub.judging.contract import Said
    from hub.mappings.governing import Proposal, Standing
    from hub.partners.partner import Partner
    from hub.probing.checks import Check
    from hub.receipts.receipts import Confirm
    from hub.reconciling.items import Side as ReconciledSide
    from hub.registries.catalogues import Entry
    from hub.registries.publisher import Publisher
    from hub.replicating.board import Line as Edge
    from hub.routing.recipients import Routed
    from hub.signatories.reading import Known
    from hub.store.contract.replicas import Kept
    from hub.store.contract.stages import Staged
    from hub.store.contract.store import Store
    from hub.store.contract.views import TransferView
    from hub.story.record import Story
    from hub.trust.forecast import Event, Pinned
    from hub.wiring.edge_line import Side
    from hub.wiring.edges import Planned
    from hub.wiring.governing import Versions
    from schemas.agencies import Agencies
    from schemas.dossier import Message
    from schemas.mapping import Mapping as Format
    from schemas.table import Table
    from schemas.workdays import Workdays
    from signing.keys.ring import KeyRing
    from signing.pdf_signatures import Examined


class Means(Protocol):
    """Today's routing and formats, and a way to ask a partner (``hub.persons.rerouting.Means`` and more)."""

    @property
    def new_id(self) -> Callable[[], str]: ...
    def routed(self, message: Message, story: Story | None, *, on: date, trial: bool = False) -> Routed: ...
    def over(self, staged: Sequence[Staged]) -> Means:
        """The same with the stages that persons gave; without them the files' count."""
        ...

    def stage(self, story: Story | None, partner: str, *, on: date) -> Stage:
        """How far a partner is with a dossier's procedure."""
        ...

    def becomes(self, staged: Sequence[Staged], new: Staged) -> Callable[[bytes], tuple[Stage, Stage]]:
        """What a change makes of the partner's stage for a story's procedure: before and after."""
        ...

    def said(self, message: Message, identity: str, partner: str) -> Sequence[Said]: ...
    async def find(self, view: TransferView, sealed: Sealed) -> Outcome | None:
        """``None``: this partner cannot be asked."""
        ...


class Hub(Protocol):
    """An opened hub: its store, its partners by id, and what is declared today."""

    @property
    def store(self) -> Store: ...
    @property
    def partners(self) -> Mapping[str, Partner]: ...
    @property
    def means(self) -> Means: ...
    async def examined(self, held: Held) -> Examined | None:
        """Read the signatures of a document with their names; ``None``: there is nothing to read."""
        ...

    async def close(self) -> None: ...


Opener = Callable[[Path], Awaitable[Hub]]
"""Takes the path of the settings file. Raises ``Refusal`` when settings, partners or store do not allow it."""

Checker = Callable[[Path, Sequence[Path]], Sequence[tuple[Path, Problem]]]
"""Takes the settings file and partner files; returns what is wrong with them and with what they name, each with its file."""


class Programs(Protocol):
    """What the long-running commands start. Each returns an exit status. ``supervised``: ends with its supervisor."""

    def serve(self, settings: Path) -> int: ...
    def work(self, settings: Path, *, processes: int, supervised: bool, metrics: int | None) -> int: ...
    def web(self, settings: Path, *, supervised: bool, inherited: int | None, metrics: int | None) -> int: ...
    def edge(self, settings: Path, *, inherited: int | None) -> int: ...
    def demo(self, directory: Path, messages: int) -> int: ...


class Keeping(Protocol):
    """The store for those who look after it (``hub.wiring.keeping``). Rows are the store's own values."""

    def status(self) -> Any: ...  # noqa: ANN401 - a value of the store's
    def migrate(self) -> tuple[int, int]: ...
    def back_up(self, to: Path | None, keep: int | None, by: str) -> Any: ...  # noqa: ANN401 - a value of the store's
    def verify(self, file: Path | None, *, whole: bool) -> Any: ...  # noqa: ANN401 - a value of the store's
    def restorable(self, file: Path, *, replace: bool) -> None:
        """Raises ``Refusal`` for what can be known before anything is asked; so do ``movable`` and ``rotatable``."""
        ...

    def restore(self, file: Path, *, replace: bool, by: str) -> Any: ...  # noqa: ANN401 - a value of the store's
    def paused(self) -> Sequence[Any]: ...
    def ways(self) -> Mapping[str, str]: ...
    def resume(self, names: Sequence[str], reason: str, by: str) -> None: ...
    def movable(self, to: str) -> None: ...
    def move(self, to: str, by: str) -> Any: ...  # noqa: ANN401 - a value of the store's
    def take_back(self, to: str, by: str) -> bool: ...
    async def survey(self) -> Sequence[Any]: ...
    async def prune(self) -> int | None: ...
    def rotatable(self) -> None: ...
    def rotate(self, by: str) -> Any: ...  # noqa: ANN401 - a value of the store's


Keeper = Callable[[Path], Keeping]
"""Takes the settings file; opens nothing before it is asked to."""


class WiredHub:
    """The real one. The store opens at once; partner files are read when a command asks for partners."""

    def __init__(self, settings: Path) -> None:
        from hub.settings import file  # noqa: PLC0415 - heavy; only commands that need a hub pay for it
        from hub.wiring import parts  # noqa: PLC0415 - heavy

        self._settings = settings
        self.store: Store = parts.store_of(file.load(settings))

    @cached_property
    def partners(self) -> Mapping[str, Partner]:
        from hub.wiring.declared import declared  # noqa: PLC0415 - heavy; one wrong partner file stops no other command

        return {partner.id: partner for partner in declared(self._settings).partners}

    @cached_property
    def means(self) -> Means:
        from hub.wiring.means import WiredMeans  # noqa: PLC0415 - heavy; only moves that make new transfers need it

        return WiredMeans(self._settings, self.store.trust)

    async def examined(self, held: Held) -> Examined | None:
        from hub.settings import file  # noqa: PLC0415 - heavy
        from hub.wiring.documents import examiner, pdf_crew  # noqa: PLC0415 - heavy; only signed documents need it

        crew = pdf_crew(self._settings)
        try:
            return await examiner(self.store.documents, crew, file.load(self._settings)).examined(held)
        finally:
            await crew.close()

    async def close(self) -> None:
        await self.store.close()


async def wired(settings: Path) -> Hub:
    """Open the hub that the settings describe."""
    return WiredHub(settings)


def new_id() -> str:
    from hub.wiring.parts import new_ids  # noqa: PLC0415 - heavy; only this command needs it

    return new_ids()()


def hashed(password: str) -> str:
    """What is kept of a password: argon2id with its parameters."""
    from argon2 import PasswordHasher  # noqa: PLC0415 - only these commands need it

    return PasswordHasher().hash(password)


def checked(settings: Path, files: Sequence[Path]) -> Sequence[tuple[Path, Problem]]:
    from hub.wiring.validating import check_partners, mapping_faults  # noqa: PLC0415 - heavy; only this command needs it

    named = [each for file in files if settings.is_file() for each in mapping_faults(settings, file)]
    return list(dict.fromkeys([*check_partners(settings, files), *named]))


def is_draft(file: Path) -> bool:
    from hub.wiring.declared import is_draft as draft  # noqa: PLC0415 - heavy; only this command needs it

    return draft(file)


def drafted(
    settings: Path, partner: str, description: Path, agency: str, operations: Sequence[str], now: datetime
) -> Laid:
    """Draft the files of a new partner, each with the place where it belongs. Raises ``Refusal`` HUB-CFG-*, HUB-SCH-*."""
    from hub.wiring.drafting import laid  # noqa: PLC0415 - heavy; only this command needs it

    return laid(settings, partner, description, agency, operations, now)


async def probed(settings: Path, partner: str, base_url: str, *, live: bool) -> Sequence[Check]:
    """Try a partner's test system. Raises ``Refusal`` HUB-CFG-*, HUB-PRB-*."""
    from hub.wiring.probing import house, probe  # noqa: PLC0415 - heavy; only this command needs it

    return await probe(house(settings, partner, base_url, live=live))


def workdays(settings: Path) -> Workdays:
    """The working-day calendar, with the site's own file where there are settings. Needs no hub."""
    from hub.settings import file  # noqa: PLC0415 - heavy; only this command needs it
    from hub.wiring.parts import days_of  # noqa: PLC0415 - heavy

    return days_of(file.load(settings if settings.is_file() else None))


def formats(settings: Path) -> Mapping[str, Format]:
    """Every mapping by its reference, the site's own where there are settings. Needs no hub."""
    from hub.settings import file  # noqa: PLC0415 - heavy; only these commands need it
    from hub.wiring.declared import formats_of  # noqa: PLC0415 - heavy

    return formats_of(file.load(settings if settings.is_file() else None))


def tables(settings: Path) -> Mapping[str, Table]:
    """Every mapping's file as it stands, finished or not, by its reference; the site's own stand over the built-in ones."""
    from hub.settings import file  # noqa: PLC0415 - heavy; only this command needs it
    from hub.wiring.declared import tables_of  # noqa: PLC0415 - heavy

    return tables_of(file.load(settings if settings.is_file() else None))


def shipped() -> frozenset[str]:
    """Versions that came with the hub: its owner stands for them."""
    from hub.wiring.declared import MAPPINGS  # noqa: PLC0415 - heavy; only this command needs it

    return frozenset("@".join(each.stem.rsplit("-", 1)) for each in MAPPINGS.glob("*.toml"))


def versions(settings: Path, new: str, old: str = "") -> Versions:
    """A version of a mapping as its file is now, its proposal, and whether it can replace ``old``. Raises ``Refusal``."""
    from hub.settings import file  # noqa: PLC0415 - heavy; only these commands need it
    from hub.wiring.declared import MAPPINGS, formats_of  # noqa: PLC0415 - heavy
    from hub.wiring.governing import versions as wired_versions  # noqa: PLC0415 - heavy

    told = file.load(settings)
    return wired_versions(told, MAPPINGS, formats_of(told), new, old)


def proposal_file(settings: Path, ref: str) -> Path:
    """Where a version's proposal stands. Raises ``Refusal`` HUB-CFG-002 where a site has no mappings of its own."""
    from hub.settings import file  # noqa: PLC0415 - heavy; only these commands need it
    from hub.wiring.governing import proposal_file as wired_file  # noqa: PLC0415 - heavy

    return wired_file(file.load(settings), ref)


def standings(settings: Path, now: datetime) -> Mapping[str, tuple[Proposal, Standing]]:
    """Every proposal with where it stands now, by the version that is proposed."""
    from hub.mappings import governing  # noqa: PLC0415 - only these commands need it
    from hub.settings import file  # noqa: PLC0415 - heavy
    from hub.wiring.declared import MAPPINGS  # noqa: PLC0415 - heavy
    from hub.wiring.governing import standing_of  # noqa: PLC0415 - heavy

    told = file.load(settings if settings.is_file() else None)
    found = governing.proposals(told.mappings)
    return {ref: (each, standing_of(told, MAPPINGS, each, now)) for ref, each in found.items()}


def speakers(settings: Path) -> Sequence[Partner]:
    """Return who is declared, nobody where there are no settings. Needs no store."""
    from hub.wiring.declared import declared  # noqa: PLC0415 - heavy; only this command needs it

    return declared(settings).partners if settings.is_file() else ()


def signatories(settings: Path) -> tuple[Known, Agencies]:
    """Who may sign, and the registry that says who stands below whom. Needs no store."""
    from hub.wiring.declared import declared  # noqa: PLC0415 - heavy; only these commands need it

    what = declared(settings)
    return what.signatories, what.agencies


def publisher(settings: Path, partner: str) -> Publisher | tuple[str, ...]:
    """Open a partner that publishes lists; or return the ids of those that do. Raises ``Refusal`` HUB-CFG-*. Needs no store."""
    from hub.wiring.registries import publisher as wired_publisher  # noqa: PLC0415 - heavy; only this command needs it

    return wired_publisher(settings, partner)


def kept(settings: Path) -> Keeping:
    from hub.wiring.keeping import Keeping as Wired  # noqa: PLC0415 - heavy; only the commands db and key need it

    return Wired(settings)


def bundles() -> Any:  # noqa: ANN401 - a module
    """``hub.wiring.bundles``: it writes evidence bundles, and reads them."""
    from hub.wiring import bundles as wired_bundles  # noqa: PLC0415 - heavy; only the commands evidence need it

    return wired_bundles


def stamps(settings: Path) -> Callable[[Root], str]:
    """Say what is wrong with a root's time-stamp; empty: nothing."""
    from hub.wiring.evidence import stamps as wired_stamps  # noqa: PLC0415 - heavy; only the commands evidence need it

    return wired_stamps(settings)


def keys(settings: Path) -> KeyRing:
    """The hub's own signing keys. Raises ``Refusal`` HUB-CRT-003. Needs no hub."""
    from hub.settings import file  # noqa: PLC0415 - heavy; only commands about keys need it
    from hub.wiring.tools import keys_of  # noqa: PLC0415 - heavy

    return keys_of(file.load(settings))


def hub_name(settings: Path) -> str:
    """What partners call this hub."""
    from hub.settings import file  # noqa: PLC0415 - heavy; only this command needs it

    told = file.load(settings)
    return told.name or told.public_url.rstrip("/")


def own_catalogue(settings: Path, catalogue: str) -> Sequence[Entry]:
    """What the hub itself goes by, this site's versions of the registries included. Raises ``Refusal`` HUB-CAT-002, HUB-CFG-002."""
    from hub.registries import catalogues  # noqa: PLC0415 - heavy; only this command needs it
    from hub.settings import file  # noqa: PLC0415 - heavy
    from hub.wiring.declared import code_lists_of, registries_of  # noqa: PLC0415 - heavy

    told = file.load(settings if settings.is_file() else None)
    return catalogues.own(catalogue, registries_of(told)[1], code_lists_of(told))


async def importing_world(settings: Path, store: Store) -> ImportWorld:
    """What the rows of an import refer to."""
    from hub.going_live.importing import World  # noqa: PLC0415 - heavy; only this command needs it
    from hub.partners.partner import parties  # noqa: PLC0415 - heavy
    from hub.routing.parties import roster  # noqa: PLC0415 - heavy
    from hub.wiring.declared import code_lists_of, declared  # noqa: PLC0415 - heavy

    what = declared(settings)
    return World(
        agencies=what.agencies,
        procedures=what.procedures,
        lists=code_lists_of(what.settings),
        parties=roster(parties(what.partners), what.agencies),
        authorities={each.id: each.sends.authority for each in what.partners if each.sends},
        versions=await store.catalogues.versions(),
    )


async def covered(settings: Path, store: Store, now: datetime, silent_after: int) -> Sequence[Line]:
    """Make the board of coverage."""
    from hub.wiring.coverage import covered as wired_covered  # noqa: PLC0415 - heavy; only this command needs it
    from hub.wiring.declared import declared  # noqa: PLC0415 - heavy

    return await wired_covered(store, declared(settings), now, silent_after)


def published(settings: Path, procedure: str, now: datetime) -> bool:
    """Whether the registry has this national or local code today."""
    from hub.wiring.coverage import published as wired_published  # noqa: PLC0415 - heavy; only this command needs it
    from hub.wiring.declared import declared  # noqa: PLC0415 - heavy

    return wired_published(declared(settings), procedure, now)


def successor(settings: Path, agency: str, now: datetime) -> str:
    """The code of who answers for this agency today; an unknown code as it is."""
    from hub.wiring.coverage import successor as wired_successor  # noqa: PLC0415 - heavy; only this command needs it
    from hub.wiring.declared import declared  # noqa: PLC0415 - heavy

    return wired_successor(declared(settings), agency, now)


def figures(settings: Path, store: Store) -> FigureDesk:
    """Who counts, publishes and restates."""
    from hub.wiring.declared import declared  # noqa: PLC0415 - heavy; only these commands need it
    from hub.wiring.figures import figure_desk  # noqa: PLC0415 - heavy

    return figure_desk(store, declared(settings))


async def report_brought(hub: Hub, edition: Edition, now: datetime) -> Sequence[str]:
    """Bring a report to the partners that take reports; return them."""
    from hub.wiring.figures import brought  # noqa: PLC0415 - heavy; only these commands need it

    parties = [each.party for each in hub.partners.values()]
    return await brought(hub.store, parties, hub.means.said, edition, now)


async def edges(settings: Path, store: Store, now: datetime) -> tuple[Edge, ...]:
    """Make the board of hubs below."""
    from hub.wiring.declared import declared  # noqa: PLC0415 - heavy; only these commands need it
    from hub.wiring.edges import boarded, edges_of  # noqa: PLC0415 - heavy
    from hub.wiring.replicas import hub_code  # noqa: PLC0415 - heavy

    what = declared(settings)
    return await boarded(store, edges_of(what.partners), hub_code(what.settings), now)


async def publish_version(
    settings: Path, store: Store, *, by: str, reason: str, from_day: date
) -> Kept | None:
    """Make the next version for hubs below; ``None``: nothing differs. Raises ``Refusal``."""
    from hub.settings import file  # noqa: PLC0415 - heavy; only this command needs it
    from hub.trust.state import Known as Trusted  # noqa: PLC0415 - heavy
    from hub.wiring.edges import publish  # noqa: PLC0415 - heavy
    from hub.wiring.own_keys import sign_by  # noqa: PLC0415 - heavy

    told, known = file.load(settings), Trusted(store.trust)
    await known.read()
    sign = sign_by(told, known.barred)
    return await publish(store, told, sign, by=by, reason=reason, from_day=from_day)


def successors(settings: Path, old: Sequence[str], new: str, begins: date) -> Planned:
    """Look at what the registry would say. Raises ``Refusal`` HUB-EDG-045."""
    from hub.settings import file  # noqa: PLC0415 - heavy; only this command needs it
    from hub.wiring.edges import successors as wired_successors  # noqa: PLC0415 - heavy

    return wired_successors(file.load(settings), old, new, begins)


async def confirming(settings: Path, store: Store) -> Confirm:
    """Who signs for the hub now. Raises ``Refusal`` HUB-CRT-003."""
    from hub.settings import file  # noqa: PLC0415 - heavy; only commands that sign need it
    from hub.trust.state import Known as Trusted  # noqa: PLC0415 - heavy
    from hub.wiring.evidence import confirming as wired_confirming  # noqa: PLC0415 - heavy

    known = Trusted(store.trust)
    await known.read()
    return wired_confirming(file.load(settings), known.barred)


def pins(settings: Path) -> Sequence[Pinned]:
    """Every certificate that somebody else signs with. Raises ``Refusal`` HUB-CFG-*, HUB-CRT-*."""
    from hub.wiring.declared import declared  # noqa: PLC0415 - heavy; only this command needs it
    from hub.wiring.trust import pinned  # noqa: PLC0415 - heavy

    return tuple(pinned(declared(settings)))


async def foreseen(settings: Path, store: Store, now: datetime, days: float) -> Sequence[Event]:
    """What ends or goes stale within so many days. Raises ``Refusal`` when settings, partners or keys do not allow it."""
    from hub.trust.forecast import forecast  # noqa: PLC0415 - heavy; only this command needs it
    from hub.wiring.declared import declared  # noqa: PLC0415 - heavy
    from hub.wiring.trust import facts_of  # noqa: PLC0415 - heavy

    return forecast(await facts_of(store, declared(settings), keys(settings)), now, days)


async def examined(settings: Path, clock: Callable[[], datetime], *, network: bool) -> Facts:
    """What the doctor looks at; nothing needs to be in order for it."""
    from hub.wiring.examining import gather  # noqa: PLC0415 - heavy; only this command needs it

    return await gather(settings, clock, network=network)


def authority(settings: Path, now: datetime) -> tuple[Path, str, datetime]:
    """Where this hub's authority for hubs below stands, its fingerprint and end; made where there is none."""
    from hub.settings import file  # noqa: PLC0415 - heavy; only this command needs it
    from hub.wiring.enrolment import make_authority  # noqa: PLC0415 - heavy

    return make_authority(file.load(settings), now)


def enrolling(settings: Path, store: Store) -> Enrolling:
    """Who lets hubs below in. Raises ``Refusal`` HUB-CFG-002: this hub signs nothing to others."""
    from hub.wiring.declared import declared  # noqa: PLC0415 - heavy; only this command needs it
    from hub.wiring.enrolment import enrolling_here  # noqa: PLC0415 - heavy

    return enrolling_here(store, declared(settings))


async def enrolled(url: str, code: str, directory: Path, listen: str, ca_file: Path | None) -> Welcome:
    """Join the hub above. Raises ``Refusal`` HUB-EDG-*, HUB-NET-*."""
    from hub.wiring.enrolment import enrol  # noqa: PLC0415 - heavy; only this command needs it

    return await enrol(url, code, directory, listen, ca_file)


def edge_side(settings: Path) -> AbstractAsyncContextManager[Side]:
    """Open this hub's side of its lines for one command. Raises ``Refusal`` HUB-CFG-*, HUB-STO-*."""
    from hub.wiring.edge_line import opened  # noqa: PLC0415 - heavy; only these commands need it

    return opened(settings)


async def differing(
    settings: Path, partner: str, day: date, ours: ReconciledSide
) -> tuple[ReconciledSide, ReconciledSide]:
    """Ask the hub above about a day: what is not the same, ours and theirs. Raises ``Refusal`` HUB-RCN-006."""
    from hub.reconciling.asking import OverTheLine  # noqa: PLC0415 - heavy; only this command needs it
    from hub.reconciling.summary import Tree  # noqa: PLC0415 - heavy
    from hub.reconciling.summary import differing as found  # noqa: PLC0415 - heavy

    async with edge_side(settings) as side:
        return await found(Tree(ours), OverTheLine(side.to(partner), day))


async def edge_standing(settings: Path, store: Store, now: datetime) -> Stands:
    """How this hub stands with the one above."""
    from hub.wiring.edge_line import standing  # noqa: PLC0415 - heavy; only this command needs it

    return await standing(settings, store, now)


async def edge_renewed(settings: Path) -> datetime:
    """Have a new key of this hub certified; when its certificate ends."""
    from hub.wiring.edge_line import renewed  # noqa: PLC0415 - heavy; only this command needs it

    return await renewed(settings)


def on_stick(file: Path, raw: bytes) -> None:
    """Write a file that is whole or not there."""
    from hub.wiring.edge_line import written  # noqa: PLC0415 - heavy; only these commands need it

    written(file, raw)


class WiredPrograms:
    """The real ones."""

    def serve(self, settings: Path) -> int:
        from hub.processes import programs  # noqa: PLC0415 - heavy

        return programs.serve(settings)

    def work(self, settings: Path, *, processes: int, supervised: bool, metrics: int | None) -> int:
        from hub.processes import programs  # noqa: PLC0415 - heavy

        return programs.work(settings, processes=processes, supervised=supervised, metrics=metrics)

    def web(self, settings: Path, *, supervised: bool, inherited: int | None, metrics: int | None) -> int:
        from hub.processes import programs  # noqa: PLC0415 - heavy

        return programs.web(settings, supervised=supervised, inherited=inherited, metrics=metrics)

    def edge(self, settings: Path, *, inherited: int | None) -> int:
        from hub.processes import memory  # noqa: PLC0415 - only a process that stays needs it

        memory.hold()
        from hub.processes import programs  # noqa: PLC0415 - heavy

        return programs.edge(settings, inherited=inherited)

    def demo(self, directory: Path, messages: int) -> int:
        from hub import demo  # noqa: PLC0415 - heavy

        return ended(demo.run(directory=directory, messages=messages))


def ended(result: Any) -> int:  # noqa: ANN401 - an int, or a coroutine that returns one
    """Wait for a program written as a coroutine; ``None`` means that it ended well."""
    if inspect.iscoroutine(result):
        result = asyncio.run(result)
    return int(result or 0)
