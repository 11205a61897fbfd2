"""What documents need of a worker: where they are fetched from, who scans them, where their links lead."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from connectors.downloads import Downloads
from connectors.reach import Reach, is_loopback
from hub.documents.caretaking import Caretaker, Rules
from hub.documents.contract import Safety
from hub.documents.fetching import Fetching, Sources
from hub.documents.links import Desk
from hub.documents.scanner import Scanner
from hub.wiring.parts import utc_now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from hub.documents.contract import Documents
    from hub.partners.declaration import Sources as Declaration
    from hub.wiring.declared import Declared


@asynccontextmanager
async def cared_for(documents: Documents, what: Declared) -> AsyncIterator[None]:
    """Fetch, scan and sweep beside what runs inside."""
    told = what.settings.scanner
    rules = Rules(
        grace=what.settings.documents.grace,
        sweep=what.settings.documents.sweep,
        quarantine=told.quarantine,
        retry=told.retry,
        required=told.required,
    )
    scanner = Scanner(told.address, told.timeout) if told.address else None
    sources = {
        partner.id: _sources(partner.sends.sources)
        for partner in what.partners
        if partner.sends and partner.sends.sources
    }
    fetching = Fetching(
        documents, sources, limit=what.settings.limits.document, unscanned=unscanned(what), now=utc_now
    )
    running = asyncio.create_task(
        Caretaker(documents, scanner, rules, utc_now, fetching if sources else None).run()
    )
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        for http in [http for each in sources.values() for http in each.hosts.values()]:
            await http.close()


def _sources(told: Declaration) -> Sources:
    hosts: Mapping[str, Downloads] = {host: Downloads(_reach(host, told)) for host in told.hosts}
    return Sources(hosts=hosts, schedule=told.schedule)


def _reach(host: str, told: Declaration) -> Reach:
    scheme = "http" if is_loopback(host.partition(":")[0]) else "https"
    return Reach(base_url=f"{scheme}://{host}", ca_file=told.ca_file, total_timeout=told.time)


def unscanned(what: Declared) -> Safety:
    """What a document is before anybody scanned it."""
    return Safety.CHECKING if what.settings.scanner.address else Safety.CLEAN


def desks(what: Declared) -> dict[str, Desk]:
    """Where each partner fetches documents from."""
    base = what.settings.public_url.rstrip("/")
    return {
        partner.id: Desk(base=f"{base}/{receives.documents.path}", grace=receives.documents.grace)
        for partner, receives in what.receiving
    }
