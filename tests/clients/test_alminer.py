"""alminer with its archive pointed here: searches, keywords, lines, summaries."""

from __future__ import annotations

import alminer
import pandas
import pytest
import pyvo


@pytest.fixture(scope="module")
def service(tap_url: str) -> pyvo.dal.TAPService:
    return pyvo.dal.TAPService(tap_url)


@pytest.fixture(autouse=True)
def pointed_here(service: pyvo.dal.TAPService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alminer.alminer, "_set_service", lambda tap_service="ESO": service)


@pytest.fixture(scope="module")
def observed(service: pyvo.dal.TAPService) -> dict[str, object]:
    """A public row whose frequencies the archive tells, as text too."""
    query = (
        "SELECT TOP 1 * FROM ivoa.obscore WHERE data_rights = 'Public' AND frequency_support IS NOT NULL "
        "AND proposal_id IS NOT NULL AND s_region IS NOT NULL ORDER BY obs_publisher_did"
    )
    return dict(service.search(query).to_table()[0])


@pytest.fixture
def around(observed: dict[str, object]) -> pandas.DataFrame:
    """What is around that row."""
    return alminer.conesearch(
        ra=float(observed["s_ra"]), dec=float(observed["s_dec"]), search_radius=10.0, print_targets=False
    )


def test_a_cone_is_searched(around: pandas.DataFrame, observed) -> None:
    assert observed["proposal_id"] in set(around["proposal_id"])
    assert set(around["data_rights"]) == {"Public"}


def test_footprints_are_searched(observed) -> None:
    found = alminer.conesearch(
        ra=float(observed["s_ra"]),
        dec=float(observed["s_dec"]),
        search_radius=1.0,
        point=False,
        public=None,
        print_targets=False,
    )
    assert observed["proposal_id"] in set(found["proposal_id"])


@pytest.mark.parametrize("keyword", ["target_name", "proposal_id", "obs_title", "proposal_abstract"])
def test_words_are_searched(observed, keyword: str) -> None:
    words = str(observed[keyword])
    found = alminer.keysearch({keyword: [words]}, public=None, print_targets=False)
    assert words in set(found[keyword])


def test_columns_are_explained(capsys) -> None:
    alminer.get_info("sensitivity_10kms")
    assert "mJy/beam" in capsys.readouterr().out


def test_lines_are_found(around: pandas.DataFrame, observed) -> None:
    """The text of `frequency_support` and the ranges of each row are read."""
    middle = float(observed["frequency"])
    covered = alminer.line_coverage(
        around, line_freq=middle, z=0.0, line_name="ours", print_summary=False, print_targets=False
    )
    assert observed["proposal_id"] in set(covered["proposal_id"])
    alminer.CO_lines(around, z=0.0, print_summary=False, print_targets=False)


def test_a_search_is_summed_up(around: pandas.DataFrame, observed, capsys) -> None:
    alminer.summary(around)
    assert str(observed["target_name"]) in capsys.readouterr().out


def test_nothing_is_found_where_nothing_is() -> None:
    assert alminer.keysearch({"target_name": ["no such target"]}, public=None, print_targets=False) is None
