"""The gate's short way never admits what its exact way would refuse."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.problems import Refusal
from signing.profiles import Limits
from signing.xml.gate import Gate, scan
from signing.xml.names import DSIG

SIGNATURE = f'<ds:Signature xmlns:ds="{DSIG}"/>'
SMALL = Limits(bytes=2_000, depth=4, elements=12, attributes=20, namespaces=6)
PIECES = [
    *(
        "<a>",
        "</a>",
        "<b/>",
        "<x:b/>",
        "text",
        "<!-- c -->",
        "<![CDATA[<?x?><!DOCTYPE]]>",
        "<?pi?>",
        "&amp;",
        "&e;",
    ),
    *(
        "<a xmlns='u'>",
        "<a xmlns:x='u'>",
        "<b id='1'/>",
        "<b ID='1'/>",
        "<b xml:id='2'/>",
        "<b a='1' b='2'/>",
    ),
    "<b " + " ".join(f"a{i}=''" for i in range(18)) + "/>",
    "<b " + " ".join(f"xmlns:n{i}='u'" for i in range(5)) + "/>",
    SIGNATURE,
]
PROLOGS = [
    *(
        "",
        "﻿",
        "<?xml version='1.0'?>",
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n',
        "<!-- c -->",
    ),
    *(
        "<?xml version='1.1'?>",
        "<?xml version='1.0' encoding='latin1'?>",
        "<!DOCTYPE r>",
        "<?pi?>",
        "<?XML?>",
        " ",
    ),
]


def refuses(limits: Limits, raw: bytes) -> str:
    try:
        scan(raw, limits)
    except Refusal as refusal:
        return refusal.problems[0].rule
    return ""


@settings(deadline=None, max_examples=400)
@given(
    prolog=st.sampled_from(PROLOGS), inside=st.lists(st.sampled_from(PIECES), max_size=9), close=st.booleans()
)
def test_what_the_gate_admits_expat_would_admit(prolog: str, inside: list[str], *, close: bool) -> None:
    opened = [piece for piece in inside if piece.startswith("<a")]
    ends = "</a>" * (len(opened) - inside.count("</a>")) if close else ""
    raw = f"{prolog}<r>{''.join(inside)}{ends}{SIGNATURE}</r>".encode()
    try:
        Gate(SMALL).admit(raw)
    except Refusal as refusal:
        assert refusal.code in {"HUB-SIG-001", "HUB-SIG-005", "HUB-SIG-007"}  # noqa: PT017 - one of two ends, both asserted
    else:
        assert refuses(SMALL, raw) == ""


@pytest.mark.parametrize(
    ("inside", "rule"),
    [
        ("<a>" * 4 + "</a>" * 4, "at most 4 levels"),
        ("<b/>" * 11, "at most 12 elements"),
        ("<b " + " ".join(f"a{i}=''" for i in range(21)) + "/>", "at most 20 attributes of one element"),
        (
            "<b " + " ".join(f"xmlns:n{i}='u'" for i in range(7)) + "/>",
            "at most 6 namespace declarations in scope",
        ),
        ("<b id='1'/><c Id='1'/>", "an id stands once, whatever the case of its attribute"),
        ("<?pi?>", "no processing instruction"),
        (SIGNATURE, "one signature in the document"),
        ("&e;", "well-formed XML in UTF-8"),
    ],
)
def test_a_broken_rule_is_named(inside: str, rule: str) -> None:
    with pytest.raises(Refusal) as caught:
        Gate(SMALL).admit(f"<r>{inside}{SIGNATURE}</r>".encode())
    assert caught.value.problems[0].rule == rule


def test_the_limits_themselves_are_still_admitted() -> None:
    attributes = " ".join(f"a{i}=''" for i in range(20))
    deep = f"<a><a><a {attributes}/></a></a>" + "<b/>" * 7
    assert Gate(SMALL).admit(f"<r>{deep}{SIGNATURE}</r>".encode()).tag == "r"
    spaces = " ".join(f"xmlns:n{i}='u'" for i in range(6))
    assert Gate(SMALL).admit(f"<r><b {spaces}/><b {spaces}/>{SIGNATURE}</r>".encode()).tag == "r"


def test_namespaces_count_where_they_are_in_scope() -> None:
    """.NET peers declare the same namespace on thousands of siblings; that costs nothing."""
    siblings = "<b xmlns='u'/>" * 5_000
    assert Gate(Limits()).admit(f"<r>{siblings}{SIGNATURE}</r>".encode()).tag == "r"
    nested = "".join(f"<b xmlns:n{i}='u'>" for i in range(60))
    many = Limits(depth=100, namespaces=60)
    raw = f"<r>{nested}{'</b>' * 60}{SIGNATURE}</r>".encode()
    assert Gate(many).admit(raw).tag == "r"
    with pytest.raises(Refusal, match="HUB-SIG-005"):
        Gate(Limits(depth=100, namespaces=59)).admit(raw)


def test_the_line_of_a_broken_rule_is_told() -> None:
    with pytest.raises(Refusal) as caught:
        Gate(SMALL).admit(f"<r>\n\n<?pi?>{SIGNATURE}</r>".encode())
    assert caught.value.problems[0].line == 3
    with pytest.raises(Refusal) as caught:
        Gate(SMALL).admit(b"<r>\n</s>")
    assert caught.value.problems[0].line == 2


def test_a_document_that_only_speaks_of_dtds_is_admitted() -> None:
    raw = f"<r><![CDATA[<!DOCTYPE x><?xml version='1.0'?>]]><!-- <!DOCTYPE -->{SIGNATURE}</r>".encode()
    assert Gate(Limits()).admit(raw).tag == "r"
