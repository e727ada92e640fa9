"""Which pictures there are of which data set, what they say, and what is made and looked up for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from vo_service.access import ANONYMOUS, Viewer
from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.streams import Cancellation
from vo_service.holdings.records import FoundFile
from vo_service.pixels.quicklook.words import Kind, LineMark
from vo_service.pixels.sources import LocalFile
from vo_service.products.datasets import DataSet
from vo_service.products.derived import Derived, write_result
from vo_service.products.gallery import Gallery
from vo_service.products.pictures import Drawing, PictureKind, Surveying
from vo_service.products.results import Ready
from vo_service.products.shelf import Closed
from vo_service.products.stored import OpenSource, StoredFile

FILE = StoredFile(
    "a-cube",
    FoundFile("r", "p/m83.fits", 100, 5),
    1,
    "application/fits",
    "file",
    None,
    role="cube",
    is_primary=True,
)
ROW = {
    "target_name": "M83", "facility_name": "JAO", "em_xel": 40, "pol_states": "/I/",
    "em_min": 299_792_458.0 / 231e9, "em_max": 299_792_458.0 / 231e9, "o_unit": "Jy/beam",
}  # fmt: skip
CANDIDATES = (
    {"frequency": 2.31e11, "f_low": 2.30e11, "f_high": 2.32e11, "lines": "CO(2-1); X", "specsys": "BARYCENT"},
    {"frequency": 2.2e11, "f_low": None, "f_high": None, "lines": None, "specsys": "BARYCENT"},
)


@dataclass
class Holdings:
    """One data set, as shelf and results give it; what was asked of them is kept."""

    found: DataSet
    place: Path
    tables: dict[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    closed: bool = False
    asked: list[str] = field(default_factory=list)

    def find(self, name: str, viewer: Viewer, address: str) -> DataSet:
        self.asked.append("gate")
        if self.closed:
            raise Closed("It is not public.")
        return self.found

    def rows(self, table: str, columns: Sequence[str], wanted: Mapping[str, str]) -> list[dict[str, Any]]:
        self.asked.append(table)
        assert wanted == {"product_id": self.found.science.product_id}
        return [{name: row[name] for name in columns} for row in self.tables.get(table, ())]

    def open_source(self, file: StoredFile) -> OpenSource:
        self.asked.append("open")
        return OpenSource(LocalFile(self.place / "no-file"), None)


@dataclass
class Studio:
    """A gallery that draws nothing: what it would have drawn is kept."""

    holdings: Holdings
    drawings: list[Drawing] = field(default_factory=list)
    surveys: int = 0
    seconds: float = 60.0

    def make(self, picture: PictureKind, name: str = "a-set") -> Ready:
        holdings: Any = self.holdings
        derived = Derived(holdings.place / "cache", 1 << 20)
        gallery = Gallery(holdings, holdings, derived, holdings.place / "indexes")
        ready = gallery.make(name, picture, ANONYMOUS, "http://t", self, Cancellation())
        ready.handle.close()
        return ready

    def admitted(self) -> AbstractContextManager[None]:
        return nullcontext()

    def run(self, work: Callable[[], None], cancellation: Cancellation) -> None:
        assert isinstance(work, partial)
        made = work.func
        if isinstance(made, Drawing):
            self.drawings.append(made)
        else:
            assert isinstance(made, Surveying)
            self.surveys += 1
        write_result(work.args[0], lambda file: file.write(b"drawn") and None, 100)


@pytest.fixture
def studio(tmp_path: Path) -> Studio:
    return Studio(Holdings(DataSet(FILE, {}, ROW), tmp_path))


def of(studio: Studio, role: str, **row: object) -> None:
    """Have another data set there, or a companion of one."""
    is_primary = role not in ("pb", "mask", "psf", "model", "residual", "weight")
    science = replace(FILE, role=role, is_primary=is_primary)
    studio.holdings.found = DataSet(science, {}, ROW | row)


@pytest.mark.parametrize("picture", list(PictureKind), ids=lambda picture: picture.value)
def test_images_have_a_picture_and_a_small_one(studio: Studio, picture: PictureKind) -> None:
    of(studio, "image", em_xel=1)
    if picture in (PictureKind.PREVIEW, PictureKind.THUMBNAIL):
        assert studio.make(picture).size == len(b"drawn")
        return
    with pytest.raises(ServiceError, match=f"Only cubes have a picture '{picture.value}'") as refused:
        studio.make(picture)
    assert refused.value.kind is ErrorKind.NOT_FOUND
    assert studio.holdings.asked == ["gate"]


@pytest.mark.parametrize("picture", list(PictureKind), ids=lambda picture: picture.value)
@pytest.mark.parametrize(("role", "channels"), [("cube", 40), ("cube", None), ("pb", 1)],
                         ids=["cube", "unknown", "companion"])  # fmt: skip
def test_cubes_have_all_and_of_other_files_their_pixels_tell(
    studio: Studio, picture: PictureKind, role: str, channels: int | None
) -> None:
    of(studio, role, em_xel=channels)
    ready = studio.make(picture)
    assert (ready.media_type, ready.extension) == ("image/png", "png")
    assert ready.name == ("a-set.png" if picture is PictureKind.PREVIEW else f"a-set.{picture.value}.png")
    assert ready.sha256 is not None and ready.etag.startswith('"')


def test_the_gate_comes_before_anything_is_looked_up(studio: Studio) -> None:
    studio.make(PictureKind.MOMENT1)
    studio.holdings.closed = True
    studio.holdings.asked.clear()
    for picture in PictureKind:
        with pytest.raises(Closed):
            studio.make(picture)
    assert set(studio.holdings.asked) == {"gate"}


def test_an_image_is_read_once_for_all_pictures_and_each_is_drawn_once(studio: Studio) -> None:
    tags = [studio.make(picture).etag for picture in PictureKind for _ in range(2)]
    assert studio.surveys == 1
    assert [made.picture for made in studio.drawings] == list(PictureKind)
    assert tags[::2] == tags[1::2] and len(set(tags)) == len(PictureKind)


def test_a_picture_is_another_one_when_what_it_shows_changes(studio: Studio) -> None:
    first = studio.make(PictureKind.MOMENT1).etag
    studio.holdings.tables["holdings.measurement"] = [{"rms": 0.25}]
    measured = studio.make(PictureKind.MOMENT1).etag
    studio.holdings.found = replace(studio.holdings.found, row=ROW | {"target_name": "NGC 5236"})
    renamed = studio.make(PictureKind.MOMENT1).etag
    studio.holdings.found = replace(studio.holdings.found, science=replace(FILE, version=2))
    rewritten = studio.make(PictureKind.MOMENT1).etag
    assert len({first, measured, renamed, rewritten}) == 4
    assert (len(studio.drawings), studio.surveys) == (4, 2)


def test_velocities_are_clipped_by_the_noise_that_was_measured(studio: Studio) -> None:
    studio.make(PictureKind.MOMENT1)
    studio.holdings.tables["holdings.measurement"] = [{"rms": 0.25}]
    studio.make(PictureKind.MOMENT1)
    plain, clipped = (made.subject for made in studio.drawings)
    assert (plain.noise, clipped.noise) == (None, 0.25)
    assert "5 sigma" not in plain.words.detail and "5 sigma above the noise" in clipped.words.detail


def test_a_spectrum_has_the_candidates_by_frequency(studio: Studio) -> None:
    studio.holdings.tables["holdings.line_candidate"] = CANDIDATES
    studio.make(PictureKind.SPECTRUM)
    ((subject),) = (made.subject for made in studio.drawings)
    assert subject.lines == (LineMark("", 2.2e11), LineMark("CO(2-1)", 2.31e11, 2.30e11, 2.32e11))
    assert subject.lines_frame == "BARYCENT"


def test_of_others_candidates_and_noise_are_not_looked_up(studio: Studio) -> None:
    for picture in (PictureKind.PREVIEW, PictureKind.THUMBNAIL, PictureKind.MOMENT0, PictureKind.MOMENT8):
        studio.make(picture)
    assert set(studio.holdings.asked) == {"gate", "open"}


@pytest.mark.parametrize(
    ("role", "row", "picture", "kind", "quantity"),
    [
        ("image", {"em_xel": 1}, "preview", Kind.BRIGHTNESS, "Brightness"),
        ("image", {"em_xel": 1, "pol_states": "/Q/"}, "preview", Kind.SIGNED, "Brightness"),
        ("image", {"em_xel": 1, "pol_states": "/I/Q/U/V/"}, "thumbnail", Kind.BRIGHTNESS, "Brightness"),
        ("cube", {}, "preview", Kind.BRIGHTNESS, "Peak over the channels"),
        ("cube", {"pol_states": "/V/"}, "preview", Kind.BRIGHTNESS, "Peak over the channels"),
        ("cube", {"pol_states": "/V/"}, "moment0", Kind.SIGNED, "Integrated intensity"),
        ("cube", {}, "moment0", Kind.BRIGHTNESS, "Integrated intensity"),
        ("cube", {}, "moment1", Kind.VELOCITY, "Velocity (radio)"),
        ("cube", {}, "moment8", Kind.BRIGHTNESS, "Peak over the channels"),
        ("cube", {}, "spectrum", Kind.BRIGHTNESS, "Brightness"),
        ("moment0", {"em_xel": 1}, "preview", Kind.BRIGHTNESS, "Integrated intensity"),
        ("moment1", {"em_xel": 1}, "preview", Kind.VELOCITY, "Velocity"),
        ("moment2", {"em_xel": 1}, "preview", Kind.PLAIN, "Velocity dispersion"),
        ("peak", {"em_xel": 1}, "preview", Kind.BRIGHTNESS, "Peak"),
        ("width", {"em_xel": 1}, "preview", Kind.PLAIN, "Line width"),
        ("alpha", {"em_xel": 1}, "preview", Kind.PLAIN, "Spectral index"),
        ("error", {"em_xel": 1}, "preview", Kind.PLAIN, "Uncertainty"),
        ("residual", {"em_xel": 1}, "preview", Kind.SIGNED, "Brightness"),
        ("residual", {}, "preview", Kind.BRIGHTNESS, "Brightness"),
        ("pb", {}, "preview", Kind.BRIGHTNESS, "Primary beam response"),
        ("psf", {}, "preview", Kind.BRIGHTNESS, "Beam response"),
        ("mask", {}, "preview", Kind.PLAIN, "Mask"),
        ("weight", {}, "preview", Kind.PLAIN, "Weight"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_colours_and_words_are_by_role(
    studio: Studio, role: str, row: dict[str, object], picture: str, kind: Kind, quantity: str
) -> None:
    of(studio, role, **row)
    studio.make(PictureKind(picture))
    subject = studio.drawings[0].subject
    assert (subject.kind, subject.words.quantity) == (kind, quantity)


def test_words_say_what_is_known(studio: Studio) -> None:
    studio.make(PictureKind.PREVIEW)
    of(studio, "cube", target_name=None, facility_name=None, em_min=None)
    studio.make(PictureKind.PREVIEW)
    known, unknown = (made.subject.words for made in studio.drawings)
    assert (known.title, known.detail, known.unit) == ("M83", "231.000 GHz, JAO", None)
    assert (unknown.title, unknown.detail) == ("m83.fits", "")
