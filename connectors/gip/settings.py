"""What a partner's file says under ``[receives.gip]``. Closed: an unknown key is refused with its path."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from connectors.credentials.settings import EnvelopeAuth, NoAuth
from connectors.reach import Reach

Word = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Code = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,30}$")]
Namespace = Annotated[str, Field(pattern=r"^[A-Za-z0-9:/._~%#?=-]+$")]


class Settings(Reach):
    """``base_url`` is the gateway's address. ``sender``, ``sender_name``: who asks; ``MSG_ID`` begins with the code. ``transaction``: ``TRAN_CODE`` of
    the question; ``answer``, ``lookup``: ``TRAN_CODE`` and ``TYPE`` of what answers it.

    ``version``: of the messages. ``namespace``, ``qualified``: of the operation element, and whether ``in_msg`` is in it, too (inferred).
    ``echo``: whether an answer must repeat the question's ``MSG_ID``; ``when_said``: one that repeats none is believed by its dossier alone.
    """

    signs: ClassVar[frozenset[str]] = frozenset()
    believes: ClassVar[frozenset[str]] = frozenset({"xmldsig-scoped"})
    answers: ClassVar[bool] = True
    sender: Code
    sender_name: Word
    receiver: Code = "GIP"
    receiver_name: Word = "GIP"
    transaction: Code = "00046"
    answer: Code = "05011"
    lookup: Code = "00110"
    version: Word = "1.0"
    namespace: Namespace = "http://gip.request.com/"
    qualified: bool = False
    echo: Literal["required", "when_said"] = "required"
    auth: EnvelopeAuth = NoAuth()
