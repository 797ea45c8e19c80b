"""Structured fields are read strictly and written canonically."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepaid.api.structured_fields import (
    FieldSyntaxError,
    InnerList,
    Item,
    Token,
    parse_dictionary,
    serialise_inner_list,
)


def test_signature_input_is_read_and_written_as_it_was() -> None:
    text = '("@method" "@path");created=1795426200;keyid="a\\"b\\\\c";alg="ed25519";x=?0;y;z=tok:1'

    inner = parse_dictionary(f"other=:AQI=:, sig1={text}")["sig1"]

    assert isinstance(inner, InnerList)
    assert [item.value for item in inner.items] == ["@method", "@path"]
    assert inner.parameters == {
        "created": 1795426200,
        "keyid": 'a"b\\c',
        "alg": "ed25519",
        "x": False,
        "y": True,
        "z": Token("tok:1"),
    }
    assert serialise_inner_list(inner) == text


def test_blanks_are_forgiven_where_the_rfc_says_so() -> None:
    members = parse_dictionary('  a=( "x"  "y" ); n=1 \t,\tb=:AQI:,c;q=2  ')

    assert members == {
        "a": InnerList((Item("x", {}), Item("y", {})), {"n": 1}),
        "b": Item(b"\x01\x02", {}),
        "c": Item(True, {"q": 2}),
    }
    inner = members["a"]
    assert isinstance(inner, InnerList)
    assert serialise_inner_list(inner) == '("x" "y");n=1'


@pytest.mark.parametrize(
    "text",
    [
        'a=("x"',
        'a=("x""y")',
        "a=,",
        "a=1,",
        "a=1 b=2",
        "a=1, a=2",
        "a=1;n=1;n=2",
        'a="open',
        'a="\x7f"',
        'a="\\n"',
        "a=:A:",
        "a=:A*==:",
        "a=:AQI=",
        "a=1234567890123456",
        "a=1.5",
        "a=?2",
        "A=1",
        "=1",
        "é=1",
        'a=("x");',
        "a=(1 2",
        "a==1",
    ],
)
def test_what_is_no_dictionary_is_refused(text: str) -> None:
    with pytest.raises(FieldSyntaxError):
        parse_dictionary(text)


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(FieldSyntaxError):
        parse_dictionary(text)
