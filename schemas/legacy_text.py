r"""Vietnamese text from before Unicode, made UTF-8 at the edge: where a partner's file declares how its letters are written.

A partner's bytes are kept as they came and its signature is verified over them; what is read on is this. Pure.

* windows-1258: a code page with marks of its own behind the letter (NFC joins them).
* TCVN3: TCVN 5712:1993, the letters of the .Vn fonts (ABC). Its capital fonts have no codes of their own: such text arrives in small letters.
* VNI: a mark is a character of its own behind the letter, both out of windows-1252.

``…-in-utf-8``: a document in UTF-8 that was typed with the old fonts: its characters are those that windows-1252 has at
the old codes ("Coäng hoøa", "Céng hßa"). Characters that stand escaped (\uXXXX, &#NNN;) are meant as well.
"""

from __future__ import annotations

import json
import re
import unicodedata
from enum import StrEnum
from typing import TYPE_CHECKING

from schemas.problems import refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Text(StrEnum):
    """How a partner writes its letters."""

    UTF_8 = "utf-8"
    WINDOWS_1258 = "windows-1258"
    TCVN3 = "tcvn3"
    VNI = "vni"
    TCVN3_IN_UTF_8 = "tcvn3-in-utf-8"
    VNI_IN_UTF_8 = "vni-in-utf-8"

    @property
    def in_bytes(self) -> bool:
        """Whether the bytes themselves are no UTF-8."""
        return self in {Text.WINDOWS_1258, Text.TCVN3, Text.VNI}


_TCVN3 = "ĂÂÊÔƠƯĐăâêôơưđẰ°±²³´àảãáạẲằẳẵắẴẮẦẨẪẤỀặầẩẫấậèỂẻẽéẹềểễếệìỉỄẾỒĩíịòỔỏõóọồổỗốộờởỡớợùỖủũúụừửữứựỳỷỹýỵỐ"
"""From 0xA1 on. Below are no letters: what stands there is the punctuation of windows-1252."""
_TCVN3_MARKS = dict(zip("°±²³´", "\u0300\u0309\u0303\u0301\u0323", strict=True))
"""Marks behind a letter, in bytes of that code page only: elsewhere ² and ° are what they look like."""

_MARKS = "ùøûõï"
_TONES = "\u0301\u0300\u0309\u0303\u0323"
"""Acute, grave, hook, tilde, dot below: the tones, in the order of ``_MARKS`` and of each string below."""
_HATS: Mapping[str, tuple[str, str]] = {
    "\u0302": ("â", "áàåãä"),
    "\u0306": ("ê", "éèúüë"),
}
"""Circumflex on a, e, o and breve on a: the bare mark, then the mark with each tone."""


def _vni() -> dict[str, str]:
    """Letter (and mark) → letter, both cases."""
    small = {"ñ": "đ", "ó": "ĩ", "ò": "ị", "æ": "ỉ", "í": "í", "ì": "ì", "î": "ỵ", "ô": "ơ", "ö": "ư"}
    small |= {
        written + mark: letter + tone
        for written, letter in {**dict(zip("aeouy", "aeouy", strict=True)), "ô": "ơ", "ö": "ư"}.items()
        for mark, tone in zip(_MARKS, _TONES, strict=True)
    }
    for hat, (bare, toned) in _HATS.items():
        for letter in "aeo" if bare == "â" else "a":
            small[letter + bare] = letter + hat
            small |= {letter + mark: letter + hat + tone for mark, tone in zip(toned, _TONES, strict=True)}
    whole = {written: unicodedata.normalize("NFC", letter) for written, letter in small.items()}
    cases = (whole, {written.upper(): letter.upper() for written, letter in whole.items()})
    mixed = {written[0].upper() + written[1:]: letter.upper() for written, letter in whole.items()}
    return {**mixed, **cases[0], **cases[1]}


_VNI = _vni()
_VNI_WRITTEN = re.compile("|".join(sorted(map(re.escape, _VNI), key=len, reverse=True)))
_TCVN3_WRITTEN = dict(enumerate(_TCVN3, 0xA1))
_TCVN3_MARKED = re.compile("([AaEeIiOoUuYyĂÂÊÔƠƯăâêôơư])([°±²³´])")


def vni(text: str) -> str:
    return _VNI_WRITTEN.sub(lambda found: _VNI[found[0]], text)


def tcvn3(text: str) -> str:
    return text.translate(_TCVN3_WRITTEN)


def tcvn3_marked(text: str) -> str:
    return _TCVN3_MARKED.sub(lambda found: found[1] + _TCVN3_MARKS[found[2]], tcvn3(text))


_LETTERS: Mapping[Text, Callable[[str], str]] = {
    Text.TCVN3: tcvn3_marked,
    Text.TCVN3_IN_UTF_8: tcvn3,
    Text.VNI: vni,
    Text.VNI_IN_UTF_8: vni,
}
_CODES: Mapping[Text, str] = {
    Text.WINDOWS_1258: "cp1258",
    Text.TCVN3: "cp1252",
    Text.VNI: "cp1252",
    Text.TCVN3_IN_UTF_8: "utf-8",
    Text.VNI_IN_UTF_8: "utf-8",
}
_NO_BYTE, _LETTER = re.compile(r"[^\x00-\xff]"), re.compile(r"[^\x00-\x7f]")
_DECLARED = re.compile(rb"""^(\s*<\?xml[^>]{0,200}?\sencoding\s*=\s*)(["'])[A-Za-z0-9._-]{1,40}\2""")
_JSON_ESCAPE = re.compile(r"(\\\\)|\\u00([89a-fA-F][0-9a-fA-F])")
_XML_ESCAPE = re.compile(r"&#(?:x0*([89a-fA-F][0-9a-fA-F])|0*(1[2-9][0-9]|2[0-4][0-9]|25[0-5]));")


def as_utf8(raw: bytes, written: Text, media: str) -> bytes:
    """Return what stands in ``raw`` as UTF-8 in NFC, lines where they were. Raises HUB-SCH-008 with the line of a byte that the code page does not have."""
    if written is Text.UTF_8:
        return raw
    try:
        text = raw.decode(_CODES[written])
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise refuse("HUB-SCH-008", line=line, rule=written) from None
    if not written.in_bytes:
        text = _unescaped(text, media)
    letters = _LETTERS.get(written)
    told = unicodedata.normalize("NFC", letters(text) if letters else text).encode()
    return _DECLARED.sub(rb"\1\2UTF-8\2", told, count=1) if media == "xml" and written.in_bytes else told


def stand_in(raw: bytes) -> bytes:
    """Return JSON whose letters nobody has read yet as UTF-8 of its very bytes: what reads JSON can read it, and ``as_came`` undoes it."""
    return raw.decode("latin-1").encode()


def as_came(told: bytes, *, own: bool = False) -> bytes:
    """Return JSON that was made of a ``stand_in`` in the bytes that came. What no byte of it can have been is escaped.

    ``own``: nothing in it was in the sender's letters, so that every letter is meant as it stands.
    """
    return (_LETTER if own else _NO_BYTE).sub(_escape, told.decode()).encode("latin-1")


def name_as_utf8(name: str, written: Text) -> str:
    """Read a name that stood in a ``stand_in``. Raises HUB-SCH-008."""
    came = as_came(json.dumps(name, ensure_ascii=False).encode())
    return str(json.loads(as_utf8(came, written, "json")))


def _escape(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]


def _unescaped(text: str, media: str) -> str:
    """Write out what stands escaped, where it may be a letter of the old fonts."""
    if media == "json":
        return _JSON_ESCAPE.sub(lambda found: found[1] or chr(int(found[2], 16)), text)
    return _XML_ESCAPE.sub(lambda found: chr(int(found[1], 16) if found[1] else int(found[2])), text)
