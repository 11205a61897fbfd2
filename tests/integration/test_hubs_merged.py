"""A unit was taken over in the middle of a dossier: the heir's hub goes on with it, with all that was said before, and the old one hears no more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.integration.hubs import AT_PROVINCE, AT_TAM_KY, At, System, hubs, received, said

if TYPE_CHECKING:
    from pathlib import Path

HEIR = "H17.60.18"
"""By the registry the ward that took Tam Kỳ over when districts were abolished."""
AT_HEIR = At(HEIR, (System("mot-cua", HEIR, (HEIR,)),), (HEIR,))


async def test_a_dossier_of_a_district_that_is_no_more_goes_on_at_its_heirs_hub(tmp_path: Path) -> None:
    async with hubs(tmp_path, province=AT_PROVINCE, tam_ky=AT_TAM_KY, ward=AT_HEIR) as (
        province,
        tam_ky,
        ward,
    ):
        code = tam_ky.code()
        await tam_ky.say("mot-cua", received(code))
        await province.hears("land", "received")
        await province.say("land", said("step", code))
        await province.say("land", said("supplement_requested", code))
        opened, *_ = await ward.hears("mot-cua", "received", "step", "supplement_requested")
        assert opened["dossier"]["applicant"]["name"] == "Nguyễn Văn Ánh"
        await ward.knows(code, "received", "step", "supplement_requested")
        await ward.say("mot-cua", said("supplement_submitted", code))
        await province.hears("land", "supplement_submitted")
        await province.say("land", said("finished", code))
        await ward.hears("mot-cua", "finished")
        assert await tam_ky.kinds(code) == ["received"]
