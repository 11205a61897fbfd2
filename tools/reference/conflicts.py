"""``conflicts.md``: whose words come first when hubs did not know of each other, from the table of ``hub.story.owning``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.story.merging import Fate
from hub.story.owning import ORDER, RULES, Owner
from tools.reference.markdown import code, page, table

if TYPE_CHECKING:
    from tools.reference.meanings import Meanings

OWNERS = {
    Owner.NOBODY: "chưa hub nào có hồ sơ · no hub has the dossier yet",
    Owner.LEG: "cơ quan đang giữ hồ sơ · the agency that has it in hand",
    Owner.KEEPER: "nơi mở hồ sơ · who opened it",
    Owner.ANYBODY: "bất kỳ · anybody",
}
FATES = {
    Fate.SET_ASIDE: (
        "Không khớp ở chỗ của nó trong thứ tự chung: giữ lại, không đổi gì (HUB-DOS-011).",
        "Does not fit at its place in the merged order: kept, changes nothing (HUB-DOS-011).",
    ),
    Fate.OVERRULED: (
        "Đã được nghe, nhưng một thông điệp đồng thời được nghe sau nói khác.",
        "Was heard, and a concurrent one that is heard later says otherwise.",
    ),
}


def conflicts_page(_: Meanings) -> str:
    rules = {rule.name: rule for rule in RULES}
    rows = [
        (
            str(place),
            code(name),
            ", ".join(code(kind) for kind in sorted(rule.kinds)) if rule.kinds else "–",
            OWNERS[rule.owner],
            rule.vi,
            rule.en,
        )
        for place, name in enumerate(ORDER, 1)
        for rule in (rules[name],)
    ]
    return page(
        "Thay đổi đồng thời · Concurrent changes",
        "`hub/story/owning.py`",
        "Mỗi thông điệp mang dấu: hub tiếp nhận đầu tiên, số thứ tự của hub ấy trong hồ sơ, và những gì hub ấy đã biết. Điều đã biết đứng trước điều"
        " được nói; những gì đồng thời xếp theo bảng này, rồi theo mã hub. Mọi hub có cùng các thông điệp kể cùng một câu chuyện."
        " · Each message bears a stamp: the hub that accepted it first, that hub's number within the dossier, and what it knew then. What was known comes"
        " before what was said; what is concurrent goes by this table, then by the code of the hub. Every hub with the same messages tells the same story.",
        "## Thứ tự · The order",
        table(("", "Quy tắc · Rule", "Loại · Kinds", "Ai nói · Said by", "Nghĩa", "Meaning"), rows),
        "Nghe trước thì bước của nó được đi trước; hai bước không thể cùng đi thì bước sau bị để riêng. Hai giá trị của một trường thì giá trị nghe sau có"
        " hiệu lực. · What is heard first moves first; of two moves that cannot both be made the later is set aside. Of two values of one field the later stands.",
        "## Kết cục · What becomes of the other",
        table(("", "Nghĩa", "Meaning"), ((code(fate), *says) for fate, says in FATES.items())),
        "Không gì bị xóa: nhật ký giữ cả hai, `lienthong dossier show` nêu quy tắc và thông điệp được tính. · Nothing is deleted: the journal keeps both, and"
        " `lienthong dossier show` names the rule and the message that stands.",
    )
