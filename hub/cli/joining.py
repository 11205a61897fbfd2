"""``lienthong partner new``: the files of a partner that nobody has spoken to yet, drafted from what describes its service."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - cyclopts reads the annotations at run time
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from hub.cli import opening, show
from hub.cli.desk import At, Complaint
from hub.cli.exits import Exit
from hub.cli.reading import why
from hub.drafting.files import Occupied, lay

if TYPE_CHECKING:
    from hub.drafting.draft import Laid

Names = Annotated[tuple[str, ...], Parameter(negative=())]


@dataclass(frozen=True)
class Drafted:
    """What was written."""

    laid: Laid


DRAFTED: tuple[show.Column[Drafted], ...] = (
    show.Column("partner_file", lambda row: str(row.laid.partner), whole=True),
    show.Column("mapping_file", lambda row: str(row.laid.mapping), whole=True),
    show.Column("schema_files", lambda row: len(row.laid.draft.library)),
    show.Column("described_by", lambda row: row.laid.draft.kind),
    show.Column("operations", lambda row: list(row.laid.draft.operations)),
    show.Column("other_operations", lambda row: list(row.laid.draft.others)),
    show.Column("unspoken", lambda row: dict(row.laid.draft.left)),
    show.Column("to_confirm", lambda row: row.laid.draft.proposed),
    show.Column("not_connected", lambda row: row.laid.draft.unknown),
)


def new(
    partner: str,
    description: Path,
    /,
    *,
    agency: str = "",
    operation: Names = (),
    force: Annotated[bool, Parameter(negative=())] = False,
    desk: At,
) -> int:
    """Nothing is written when anything of it cannot be."""
    if not agency:
        raise Complaint("usage.missing", Exit.USAGE, name="--agency")
    laid = opening.drafted(desk.settings, partner, description, agency, operation, desk.now())
    try:
        lay(laid.files, replace=force)
    except Occupied as there:
        raise Complaint("new.there", Exit.FAILED, files=", ".join(map(str, there.files))) from None
    except OSError as error:
        raise Complaint("new.unwritable", Exit.FAILED, why=why(desk, error)) from None
    show.card(desk, DRAFTED, Drafted(laid))
    desk.tell("new.next", file=laid.partner)
    return Exit.OK
