"""The mark that stands for the query of a URL in a published path."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vo_service.holdings.query_marks import with_mark, without_mark

paths = st.lists(st.text(st.characters(exclude_characters="/"), min_size=1), min_size=1).map("/".join)


@given(paths, st.one_of(st.none(), st.text()))
def test_the_path_in_the_url_comes_back(path: str, query: str | None) -> None:
    marked = with_mark(path, query)
    assert without_mark(marked, query) == path
    assert marked.rpartition("/")[2] == path.rpartition("/")[2]  # the name tells much of a product


def test_another_query_is_another_path_and_neither_shows_it() -> None:
    one, two = with_mark("a/x.fits", "id=3"), with_mark("a/x.fits", "id=4")
    assert one != two and "id" not in one and with_mark("a/x.fits", None) == "a/x.fits"
    assert one == with_mark("a/x.fits", "id=3")
