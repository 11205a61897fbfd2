"""What the tax gateway's answer means. Its own error comes as it is (``ERROR_CODE``); what it says of a dossier as ``TT`` and its
``TRANGTHAI``. Partner files put their own rows before these: what the province's gateway says when there is nothing yet, say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.gip.data import GOOD
from connectors.replies import Reply, Row, Table

if TYPE_CHECKING:
    from connectors.gip.data import Answer

STATE = "TT"
ROWS: Table = (Row(status=(200,), code=(f"{STATE}01",), outcome="delivered"),)
"""01: there are notices. Whatever else it says is unsure until the partner's file says what it means."""


def read(status: int, said: Answer | None, *, html: bool, wait: float | None) -> Reply:
    if said is None:
        return Reply(status=status, html=html, wait=wait)
    failed = said.error not in GOOD
    return Reply(
        status=status,
        readable=failed or bool(said.state),
        html=html,
        code=said.error if failed else f"{STATE}{said.state}" if said.state else "",
        phrase=said.error_text if failed else said.state_text,
        wait=wait,
    )
