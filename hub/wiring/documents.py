"""What documents need of a worker: where they are fetched from, who scans them, where their links lead."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from connectors import catalogue
from connectors.reach import Reach, is_loopback
from hub.documents import examining
from hub.documents.caretaking import Caretaker, Rules
from hub.documents.contract import Safety
from hub.documents.examining import Examiner
from hub.documents.links import Desk
from hub.documents.scanner import Scanner
from hub.processes.crew import Crew
from hub.settings import file as settings_file
from hub.wiring.parts import utc_now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from datetime import datetime

    from connectors.downloads import Downloads
    from hub.documents.contract import Documents
    from hub.documents.fetching import Fetching
    from hub.partners.declaration import Sources as Declaration
    from hub.settings.file import Settings
    from hub.wiring.declared import Declared
    from signing.pdf_signatures import Examined


@asynccontextmanager
async def cared_for(documents: Documents, what: Declared, path: Path) -> AsyncIterator[None]:
    """Fetch, scan, look at signatures and sweep beside what runs inside. ``path``: of the settings."""
    told = what.settings.scanner
    rules = Rules(
        grace=what.settings.documents.grace,
        sweep=what.settings.documents.sweep,
        quarantine=told.quarantine,
        retry=told.retry,
        required=told.required,
    )
    scanner = Scanner(told.address, told.timeout) if told.address else None
    fetching, hosts = _fetching(documents, what)
    caretaker = Caretaker(documents, scanner, rules, utc_now, fetching)
    crew = pdf_crew(path)
    look = examining.run(examiner(documents, crew, what.settings), what.settings.documents.signatures.every)
    running = [asyncio.create_task(each) for each in (caretaker.run(), look)]
    try:
        yield
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await crew.close()
        for http in hosts:
            await http.close()


def _fetching(documents: Documents, what: Declared) -> tuple[Fetching | None, tuple[Downloads, ...]]:
    """What brings the documents that partners only name, and what it reaches them with; nobody has such: nothing."""
    told = {one.id: one.sends.sources for one in what.partners if one.sends and one.sends.sources}
    if not told:
        return None, ()
    from connectors.downloads import Downloads  # noqa: PLC0415 - heavy; only where documents are fetched
    from hub.documents.fetching import Fetching, Sources  # noqa: PLC0415 - heavy

    sources = {
        id_: Sources(hosts={host: Downloads(_reach(host, one)) for host in one.hosts}, schedule=one.schedule)
        for id_, one in told.items()
    }
    fetching = Fetching(
        documents,
        sources,
        limit=what.settings.limits.document,
        unscanned=unscanned(what),
        now=utc_now,
        hubs=frozenset(each.id for each in what.partners if each.party.hub),
    )
    return fetching, tuple(http for each in sources.values() for http in each.hosts.values())


def _reach(host: str, told: Declaration) -> Reach:
    scheme = "http" if is_loopback(host.partition(":")[0]) else "https"
    return Reach(base_url=f"{scheme}://{host}", ca_file=told.ca_file, total_timeout=told.time)


def pdf_crew(path: Path) -> Crew:
    """One process that reads PDF files; it starts with the first of them."""
    return Crew(partial(examining.begin, _pdf), str(path), 1)


def examiner(documents: Documents, crew: Crew, settings: Settings) -> Examiner:
    told = settings.documents.signatures
    bounds = examining.Bounds(largest=told.largest, time=told.time)
    return Examiner(documents, crew, bounds, utc_now)


def _pdf(path: str) -> tuple[Callable[[bytes, datetime], Examined], int]:
    """Runs in the crew's process. Raises ``Refusal`` HUB-CRT-003 for anchors that cannot be read."""
    from signing import pdf  # noqa: PLC0415 - heavy; only this process needs it

    told = settings_file.load(Path(path)).documents.signatures
    anchors = pdf.load_anchors(told.anchors)
    return lambda data, now: pdf.examine(data, anchors, now), told.memory


def unscanned(what: Declared) -> Safety:
    """What a document is before anybody scanned it."""
    return Safety.CHECKING if what.settings.scanner.address else Safety.CLEAN


def desks(what: Declared) -> dict[str, Desk]:
    """Where each partner fetches documents from."""
    base = what.settings.public_url.rstrip("/")
    return {
        partner.id: Desk(
            base=f"{base}/{receives.documents.path}",
            grace=receives.documents.grace,
            inside=catalogue.ROOMS[partner.room].encloses(partner.settings),
        )
        for partner, receives in what.receiving
    }
