"""``lienthong dossier show``: where a dossier is now, by what was said about it and to whom. No personal data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.cli import columns, show
from hub.cli.desk import At  # noqa: TC001 - cyclopts reads the annotations at run time
from hub.cli.exits import Exit
from schemas.problems import refuse

if TYPE_CHECKING:
    from hub.store.contract import DossierView

DOSSIER: tuple[show.Column[DossierView], ...] = (
    show.Column("id", lambda row: row.id),
    show.Column("origin", lambda row: row.origin),
    show.Column("version", lambda row: row.version),
    show.Column(
        "aliases",
        lambda row: [{"authority": each.authority, "code": each.code} for each in row.aliases],
        lambda row, _: ", ".join(f"{each.code} ({each.authority})" for each in row.aliases),
    ),
)


async def show_(dossier: str, /, *, desk: At) -> int:
    async with desk.hub() as hub:
        found = await hub.store.dossier(dossier)
    if found is None:
        raise refuse("HUB-DOS-002", detail=dossier)
    said = show.Part("messages", columns.MESSAGES, found.messages)
    told = show.Part("transfers", columns.TRANSFERS, found.transfers)
    show.card(desk, DOSSIER, found, (said, told))
    return Exit.OK
