"""The dossier that a probe sends: nobody's, and recognisable as such by its code."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from schemas.dossier import (
    Applicant,
    ApplicantKind,
    Channel,
    Dossier,
    Event,
    Kind,
    Message,
    Procedure,
    ReturnMethod,
    State,
)
from schemas.moments import VIETNAM

if TYPE_CHECKING:
    from datetime import datetime

MAGIC = "-TPROBE"
"""How the code of a dossier ends that is nobody's. The test systems of partners may know it; nothing else ever ends so."""


def message(kind: Kind, agency: str, key: str, now: datetime) -> Message:
    """Say everything that a mapping may need, of nobody."""
    local = now.astimezone(VIETNAM)
    dossier = Dossier(
        code=f"{agency}-{local:%y%m%d}{MAGIC}",
        procedure=Procedure(
            national="1.009999",
            local="TPROBE",
            name="THỬ KẾT NỐI",
            field_code="TPROBE",
            field_name="THỬ KẾT NỐI",
        ),
        receipt_number=f"{agency}-{local:%y%m%d}{MAGIC}",
        channel=Channel.ONLINE,
        applicant=Applicant(name="HỒ SƠ THỬ KẾT NỐI", kind=ApplicantKind.CITIZEN, address="THỬ KẾT NỐI"),
        summary="Hồ sơ thử kết nối, không của ai; xóa được",
        state=State.ACCEPTED,
        submitted_at=now,
        received_at=now,
        due_at=now + timedelta(days=14),
        return_method=ReturnMethod.COUNTER,
        processing_unit="THỬ KẾT NỐI",
        processing_agency=agency,
    )
    event = Event(
        kind=kind,
        at=now,
        sequence=1,
        content="Thử kết nối",
        state=State.ACCEPTED,
        due_at=now + timedelta(days=14),
        from_agency=agency,
        to_agency=agency,
        reason="Thử kết nối",
    )
    return Message(event=event, key=key, sender="probe", agency=agency, dossier=dossier)
