"""Which form of a coverage map is sent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hips.mocs.names import Dimension
from hips.mocs.writing import Form as MapForm
from vo_service.dali.errors import ServiceError
from vo_service.dali.parameters import Form
from vo_service.moc.kept_maps import KeptBySize
from vo_service.moc.map_forms import MEDIA_TYPES, wanted_form
from vo_service.moc.map_names import read_place

FITS, JSON, ASCII = MapForm.FITS, MapForm.JSON, MapForm.ASCII


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", FITS),
        ("*/*", FITS),
        ("application/json", JSON),
        ("text/plain", ASCII),
        ("text/*, application/json;q=0.5", ASCII),
        ("image/fits", FITS),
        ("application/*;q=0.3, text/plain;q=0.4", ASCII),
        ("application/fits;q=0.2, */*;q=0.1, application/json;q=0.3", JSON),
        ("application/fits;q=0, image/fits;q=0, */*", JSON),
        # browsers, and Java's own
        ("text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", FITS),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", FITS),
    ],
)
def test_accept(accept: str, form: MapForm) -> None:
    # MOC-080
    assert wanted_form(Form(), None, accept) is form


@pytest.mark.parametrize("accept", ["text/xml", "application/json;q=0", "*/*;q=0", "text/html, image/png"])
def test_what_nobody_takes_is_an_error(accept: str) -> None:
    with pytest.raises(ServiceError, match="Accept") as caught:
        wanted_form(Form(), None, accept)
    assert caught.value.status == 400


@given(st.text(max_size=60))
def test_any_accept_is_read(accept: str) -> None:
    try:
        assert wanted_form(Form(), None, accept) in MEDIA_TYPES
    except ServiceError as error:
        assert error.status == 400


@pytest.mark.parametrize(
    ("word", "form"),
    [
        *(("fits", FITS), ("application/fits", FITS), ("IMAGE/FITS", FITS)),
        *(("json", JSON), ("application/json;charset=utf-8", JSON)),
        *(("ascii", ASCII), ("txt", ASCII), ("text/plain", ASCII)),
    ],
)
def test_responseformat_comes_first(word: str, form: MapForm) -> None:
    # MOC-080
    asked = Form.of([("responseformat", word)])
    for accept in ("application/json", "text/plain", "text/xml"):
        assert wanted_form(asked, None, accept) is form
    for ending in MapForm:
        if ending is form:
            assert wanted_form(asked, ending, "") is form
        else:
            with pytest.raises(ServiceError, match="different formats"):
                wanted_form(asked, ending, "")


def test_unknown_formats_are_errors() -> None:
    # CHK-M15
    with pytest.raises(ServiceError, match="not offered") as caught:
        wanted_form(Form.of([("RESPONSEFORMAT", "votable")]), None, "")
    assert caught.value.status == 400 and "fits" in str(caught.value.hint)


KNOWN = {("holdings",), ("project", "2019.1.01234.S"), ("project", "2019.1.01234.S.json"), ("band", "6")}


@pytest.mark.parametrize(
    ("path", "name", "form"),
    [
        ("holdings", ("holdings",), None),
        ("holdings.FITS", ("holdings",), FITS),
        ("time/holdings.json", ("holdings",), JSON),
        ("project/2019.1.01234.S", ("project", "2019.1.01234.S"), None),
        ("project/2019.1.01234.S.txt", ("project", "2019.1.01234.S"), ASCII),
        ("project/2019.1.01234.S.json", ("project", "2019.1.01234.S.json"), None),
        ("frequency/band/6.txt", ("band", "6"), ASCII),
    ],
)
def test_names_with_points(path: str, name: tuple[str, ...], form: MapForm | None) -> None:
    place = read_place(path)
    assert place.named(KNOWN.__contains__) == (name, form)
    first = path.partition("/")[0]
    assert place.dimension == (first if first in ("time", "frequency") else Dimension.SPACE)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("holdings.xml", 400),
        ("project/2019.1.01234.S.vot", 400),
        ("project/2019.1.01234", 404),
        ("project/2019.1.09999.S", 404),
        ("band/7.fits", 404),
        ("band/holdings", 404),
        ("holdings/6", 404),
        ("time", 404),
        ("time/time/holdings", 404),
        ("space/holdings", 404),
        ("band/", 404),
        ("", 404),
        (".fits", 404),
        ("band/.fits", 404),
    ],
)
def test_addresses_of_nothing(path: str, status: int) -> None:
    with pytest.raises(ServiceError) as caught:
        read_place(path).named(KNOWN.__contains__)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("rest", "identifier", "form"),
    [
        ("m83-1", "m83-1", None),
        ("m83-1.json", "m83-1", JSON),
        ("ivo://a.b.c/obs?m83-1", "ivo://a.b.c/obs?m83-1", None),
        ("ivo://a.b.c/obs?m83-1.fits", "ivo://a.b.c/obs?m83-1", FITS),
    ],
)
def test_data_sets_with_endings(rest: str, identifier: str, form: MapForm | None) -> None:
    assert read_place(f"dataset/{rest}").dataset() == (identifier, form)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 60)), max_size=60))
def test_what_is_kept_is_bounded(steps: list[tuple[int, int]]) -> None:
    kept: KeptBySize[int] = KeptBySize(100)
    last: dict[int, int] = {}
    for key, size in steps:
        kept.keep(key, size, size)
        last[key] = size
        assert kept.find(key) == size
        found = {each: kept.find(each) for each in last}
        assert all(value in (None, last[each]) for each, value in found.items())
        assert sum(value for value in found.values() if value) <= 100
    kept.keep("large", 101, 101)
    assert kept.find("large") is None
