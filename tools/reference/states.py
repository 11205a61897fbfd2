"""``lifecycle.md``, from the tables of ``hub.lifecycle`` and ``hub.story.moves``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub import lifecycle
from hub.cli.words import Speech
from hub.story import moves as dossier
from schemas.codelists import CodeLists
from schemas.dossier import State as DossierState
from tools.reference.markdown import code, fenced, page, table
from tools.reference.meanings import Meanings, both

if TYPE_CHECKING:
    from collections.abc import Iterator


def lifecycle_page(words: Meanings) -> str:
    vi, en = Speech("vi"), Speech("en")
    states = [
        (
            code(state),
            vi.say(f"state.{state}"),
            en.say(f"state.{state}"),
            _yes(state not in lifecycle.DONE),
            *both(words, f"transfer.state.{state}"),
        )
        for state in lifecycle.State
    ]
    moves = [
        (
            code(move),
            "người · a person" if move in lifecycle.PERSONS else "hub · the hub",
            _from(move),
            *both(words, f"transfer.move.{move}"),
        )
        for move in lifecycle.Move
    ]
    return page(
        "Trạng thái · States",
        "`hub/lifecycle.py` and `hub/story/moves.py`",
        "## Lượt chuyển · A transfer\n\nMột thông điệp tới một nơi nhận. *Bị chặn* không phải trạng thái: lượt chuyển bị chặn khi chưa phải đầu"
        " luồng.\n\nOne message to one recipient. *Blocked* is not a state: a transfer is blocked while it is not the head of its lane.",
        fenced(lifecycle.picture(), "mermaid"),
        table(
            (
                "Trạng thái · State",
                "Trên màn hình",
                "On screen",
                "Giữ luồng · Holds its lane",
                "Nghĩa",
                "Meaning",
            ),
            states,
        ),
        table(("Bước · Move", "Do ai · By", "Từ · From", "Nghĩa", "Meaning"), moves),
        "## Hồ sơ · A dossier\n\nTrạng thái được giữ theo từng cơ quan đang giải quyết; trạng thái chung suy ra từ đó. Thông điệp không có trong"
        " bảng vẫn được nhận, nhưng các lượt chuyển của nó được giữ lại (`HUB-DOS-004`).\n\nState is kept for each agency that has the dossier in"
        " hand; the overall state follows from these. A message that is not in the table is accepted, and its transfers are parked (`HUB-DOS-004`).",
        fenced(dossier.picture(), "mermaid"),
        table(("Trạng thái · State", "Mã cổng · Portal code", "Tiếng Việt", "English"), _dossier_states()),
        "Đến lúc nào cũng được và không đổi trạng thái · May come in any state and change none: "
        + ", ".join(code(kind) for kind in sorted(dossier.NOTES))
        + ". Không có hồ sơ · Without a dossier: "
        + ", ".join(code(kind) for kind in sorted(dossier.WITHOUT_DOSSIER))
        + ".",
    )


def _from(move: lifecycle.Move) -> str:
    return ", ".join(code(before) for before, by in lifecycle.MOVES if by is move)


def _dossier_states() -> Iterator[tuple[str, ...]]:
    known = {entry.word: entry for entry in CodeLists.load()["portal-states"].code}
    for state in DossierState:
        entry = known[state]
        yield code(state), entry.code, entry.name.vi, entry.name.en


def _yes(answer: bool) -> str:  # noqa: FBT001 - the answer itself
    return "có · yes" if answer else "không · no"
