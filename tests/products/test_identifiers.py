"""What a text names: publishers' identifiers, names, uids in both spellings, and what is none of these."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.products.identifiers import Name, dataset_of, name_of

AUTHORITY = "Vo.Example"
NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=80)
HEX = st.integers(0, 2**48).map(lambda number: f"{number:x}")
ARCHIVES = st.tuples(st.integers(0, 999).map("A{:03}".format), HEX.map("X{}".format), HEX.map("X{}".format))


def refused(text: str) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        name_of(text, AUTHORITY)
    assert caught.value.kind is ErrorKind.USAGE
    return caught.value


@given(NAMES)
def test_names_and_identifiers_of_the_publisher_are_the_same(name: str) -> None:
    # IVOA Identifiers 2.0, 4.1: scheme, authority and path in any case
    for text in (name, f" {name}\n", f"ivo://Vo.Example/obs?{name}", f"IVO://VO.EXAMPLE/OBS?{name}"):
        assert name_of(text, AUTHORITY) == Name(name=name)
        assert dataset_of(text, AUTHORITY) == name


@given(ARCHIVES)
@example(("A001", "X1a2B", "X3f"))
def test_both_spellings_of_a_uid_are_one_member(parts: tuple[str, str, str]) -> None:
    text = f"uid://{'/'.join(parts)}"
    wanted = name_of(text, AUTHORITY).uids
    assert wanted and name_of(text, AUTHORITY).name is None
    for spelt in (f"uid___{'_'.join(parts)}", text.upper(), text.lower()):
        uids = name_of(spelt, AUTHORITY).uids
        assert uids[0] == wanted[0] == f"uid://{'/'.join(each[0] + each[1:].lower() for each in parts)}"
    assert name_of(f"ivo://{AUTHORITY}/obs?{text}", AUTHORITY).uids == wanted


@given(st.text(max_size=400))
@example("")
@example("x" * 301)
@example("uid://A001/X1")
@example("ivo://other/obs?x")
def test_any_other_text_is_refused_with_the_reason(text: str) -> None:
    try:
        found = name_of(text, AUTHORITY)
    except ServiceError as error:
        assert error.kind is ErrorKind.USAGE and "is no identifier of this service" in error.message
        assert len(error.message) < 300
    else:
        assert bool(found.name) != bool(found.uids)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        ("   ", "empty"),
        ("x" * 301, "301 characters"),
        ("uid://A001/X1", "hexadecimal"),
        ("uid___A001_X1_Xg", "hexadecimal"),
        ("ivo://other.example/obs?x", "ivo://Vo.Example/obs?"),
        (f"ivo://{AUTHORITY}/obs#x", "ivo://Vo.Example/obs?"),
        ("M83", "small letters"),
        ("a b", "small letters"),
        ("../etc", "small letters"),
        ("a'--", "small letters"),
    ],
)
def test_an_error_says_what_would_be_right(text: str, word: str) -> None:
    assert word in refused(text).message
