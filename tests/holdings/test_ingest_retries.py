"""Broken files: tried again when asked for or when the error may have passed, counted while they last."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ingest_homes import Home, open_home
from product_files import write_product

from vo_service.holdings.comparison import ERROR_CLASSES, PASSING
from vo_service.holdings.describe import describe_product
from vo_service.holdings.records import FoundFile, Product, ProductError


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path / "home")
    yield opened
    opened.snapshots.close()
    opened.catalogue.close()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A good product and two broken ones."""
    top = tmp_path / "tree"
    good = write_product(top / "good.fits")
    (top / "cut.fits").write_bytes((top / good.path).read_bytes()[:-3000])
    (top / "page.fits").write_text("<html></html>" * 100)
    return top


class Weather:
    """Describes files as ever, but for those that some passing trouble of the machine hits: an error that no
    test can cause by itself."""

    def __init__(self) -> None:
        self.troubles: dict[str, str] = {}
        self.described: list[str] = []

    def __call__(self, found: FoundFile, root: Path) -> Product:
        self.described.append(found.path)
        kind = self.troubles.get(found.path)
        if kind is not None:
            return Product(file=found, error_kind=kind, error_message=f"{found.path}: {kind}")
        return describe_product(found, root)


@pytest.fixture
def weather(monkeypatch: pytest.MonkeyPatch) -> Weather:
    made = Weather()
    monkeypatch.setattr("vo_service.holdings.contents.describe_product", made)
    return made


def states(home: Home) -> dict[str, tuple[str, int]]:
    return {row["path"]: (row["state"], row["version"]) for row in home.rows("holdings.product")}


def test_files_that_stay_broken_are_counted_and_are_no_failure_of_the_run(home: Home, tree: Path) -> None:
    first = home.ingest(tree)
    assert (first.found, first.ok, first.failed, first.skipped, first.broken) == (3, 1, 2, 0, 0)
    assert first.exit_code == 1
    again = home.ingest(tree)
    assert (again.found, again.ok, again.failed, again.skipped, again.broken) == (3, 0, 0, 3, 2)
    assert again.exit_code == 0 and again.snapshot is None
    (tree / "cut.fits").unlink()
    assert home.ingest(tree).broken == 1


def test_a_class_that_is_named_is_tried_again_and_no_other(home: Home, tree: Path, weather: Weather) -> None:
    home.ingest(tree)
    weather.described.clear()
    report = home.ingest(tree, retry=["truncated"])
    assert weather.described == ["cut.fits"]
    assert (report.found, report.ok, report.failed, report.skipped, report.broken) == (3, 0, 1, 2, 1)
    assert report.exit_code == 1 and report.snapshot is None
    assert [entry.path for entry in report.failures] == ["cut.fits"]


def test_a_retried_file_that_is_right_now_is_published_with_its_version(
    home: Home, tree: Path, weather: Weather
) -> None:
    weather.troubles["good.fits"] = "bad_wcs"  # as a version of this software with a mistake would say
    home.ingest(tree)
    assert states(home)["good.fits"] == ("failed", 1)
    weather.troubles.clear()
    assert home.ingest(tree).ok == 0
    report = home.ingest(tree, retry=["bad_wcs", "bad_header"])
    assert (report.ok, report.failed, report.broken) == (1, 0, 2)
    assert states(home)["good.fits"] == ("ok", 1)
    assert home.snapshot.count_rows("ivoa.obscore") == 1


@pytest.mark.parametrize("kind", sorted(PASSING))
def test_errors_that_may_pass_are_tried_at_every_ingest(
    home: Home, tree: Path, weather: Weather, kind: str
) -> None:
    weather.troubles["good.fits"] = kind
    home.ingest(tree)
    weather.described.clear()
    again = home.ingest(tree)
    assert weather.described == ["good.fits"]
    assert (again.failed, again.skipped, again.broken, again.snapshot) == (0, 3, 3, None)
    weather.troubles.clear()
    assert home.ingest(tree).ok == 1
    assert states(home)["good.fits"] == ("ok", 1)


def test_another_error_than_before_is_published(home: Home, tree: Path, weather: Weather) -> None:
    weather.troubles["good.fits"] = "unreadable"
    home.ingest(tree)
    weather.troubles["good.fits"] = "internal"
    report = home.ingest(tree)
    assert (report.failed, report.exit_code, report.broken) == (1, 1, 2)
    rows = {row["path"]: row["error_class"] for row in home.rows("holdings.product")}
    assert rows["good.fits"] == "internal"


def test_the_counts_add_up_with_what_cannot_be_reached(home: Home, tree: Path) -> None:
    (tree / "lost.fits").symlink_to(tree / "nowhere")
    (tree / "out.fits").symlink_to(tree.parent / "home" / "catalogue.sqlite")
    report = home.ingest(tree)
    assert (report.found, report.ok, report.failed, report.skipped) == (5, 1, 4, 0)
    run = home.rows("holdings.run")[-1]
    assert [run[f"{name}_count"] for name in ("product", "ok", "failed", "skipped")] == [5, 1, 4, 0]
    report = home.ingest(tree)
    assert (report.found, report.failed, report.skipped, report.broken) == (5, 2, 3, 2)


def test_the_classes_are_those_that_files_can_have() -> None:
    listed = (ProductError.__doc__ or "").split("Kinds:")[1]
    of_files = set(listed.replace("`", "").replace(".", "").split())
    assert set(ERROR_CLASSES) == of_files | {"outside"}  # a link, or a member of a tar, that has no row
