"""What is in the pictures: sizes, places, colours, beams, words; and that anything gives one or says why."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from pictures import InMemory, framed, lightness, pixels_of, plane_of
from PIL import Image

from vo_service.pixels.quicklook.colours import BLANK
from vo_service.pixels.quicklook.layers import Layers
from vo_service.pixels.quicklook.maps import THINNEST, THUMBNAIL, draw_map, draw_preview, draw_thumbnail
from vo_service.pixels.quicklook.survey import SIDE, mean_of, plate_of, survey_image
from vo_service.pixels.quicklook.words import Beam, Kind, NothingToDraw, Picture, Words

WORDS = Words("NGC 253", "CO(2-1)  ALMA", "Brightness", "Jy/beam")
YELLOW = (252, 255, 164)  # the top of inferno
FLAT = np.full((100, 100), 1.0)


def noise_with(*points: tuple[int, int], size: tuple[int, int] = (90, 120)) -> np.ndarray:
    """Noise (rows, columns) with points (column, row) that stand out."""
    values = np.random.default_rng(5).normal(size=size)
    for column, row in points:
        values[row, column] = 200.0
    return values


def brightest(pixels: np.ndarray) -> tuple[float, float]:
    """Middle (column, row from the top) of the pixels that have the top colour."""
    rows, columns = np.nonzero((np.abs(pixels[..., :3].astype(int) - YELLOW) < 4).all(axis=-1))
    return float(columns.mean()), float(rows.mean())


@pytest.mark.parametrize("mirrored", [False, True], ids=["as-stored", "east-right"])
def test_a_point_is_where_it_is_on_the_sky(mirrored: bool) -> None:
    sky = plane_of(120, 90, CDELT1=(1 if mirrored else -1) / 3600)
    picture = draw_map(noise_with((20, 70)), sky, WORDS)
    data = framed(picture)
    assert data.shape[:2] == (540, 720)  # 6 pixels of the screen each
    column, row = brightest(data)
    expected = (119 - 20 if mirrored else 20) * 6 + 2.5
    assert (column, row) == pytest.approx((expected, (89 - 70) * 6 + 2.5), abs=1.0)  # grid lines cross it


def test_a_picture_without_a_sky_shows_pixels_from_the_lower_left() -> None:
    picture = draw_map(noise_with((0, 0)), None, WORDS)
    assert brightest(framed(picture)) == pytest.approx((2.5, 539 - 2.5), abs=1.0)  # the frame covers its edge


@pytest.mark.parametrize(
    ("size", "expected"),
    [((720, 719), (719, 720)), ((400, 361), (361, 400)), ((1441, 900), (450, 720)), ((7, 7), (714, 714)),
     ((4400, 2200), (315, 629)), ((1, 300), (600, THINNEST)), ((300, 2), (THINNEST, 600))],
    ids=str,
)  # fmt: skip
def test_the_longer_side_takes_most_of_the_screen(size: tuple[int, int], expected: tuple[int, int]) -> None:
    picture = draw_map(noise_with(size=size), None, WORDS)
    assert picture.frame[2:] == expected and max(expected) in range(SIDE // 2, SIDE + 1)
    image = Image.open(io.BytesIO(picture.png))
    assert image.mode == "RGB" and image.width > picture.frame[0] + expected[0]
    assert ("not to scale" in picture.alt) == (THINNEST in expected)


def test_the_png_has_its_words_and_nothing_of_its_making() -> None:
    picture = draw_map(noise_with((5, 5)), None, WORDS)
    image = Image.open(io.BytesIO(picture.png))
    assert dict(image.info) == {"Description": picture.alt}
    for part in ("NGC 253", "CO(2-1) ALMA", "120 by 90 pixels", "Brightness from", "to 200 Jy/beam"):
        assert part in picture.alt
    assert picture.limits[1] == 200.0


def test_the_same_gives_the_same_bytes_whatever_the_machine_is_set_to(tmp_path: Path) -> None:
    program = (
        "import sys, numpy as np\n"
        "from vo_service.pixels.quicklook.maps import draw_map\n"
        "from vo_service.pixels.quicklook.words import *\n"
        "from pictures import plane_of\n"
        "values = np.random.default_rng(5).normal(size=(30, 40))\n"
        "words = Words('NGC 253', 'CO(2-1)  ALMA', 'Brightness', 'Jy/beam')\n"
        "sys.stdout.buffer.write(draw_map(values, plane_of(40, 30), words, Beam(6.0, 3.0, 20.0)).png)\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    settings = tmp_path / "matplotlibrc"
    settings.write_text("font.size: 30\naxes.facecolor: red\nfigure.dpi: 300\nxtick.major.size: 20\n")
    found = os.environ | {
        "MATPLOTLIBRC": str(settings),
        "PYTHONHASHSEED": "7",
        "LC_ALL": "C",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), str(Path(__file__).parent)]),
    }
    there = subprocess.run([sys.executable, "-c", program], env=found, capture_output=True)
    assert there.returncode == 0, there.stderr.decode()
    values = np.random.default_rng(5).normal(size=(30, 40))
    here = [draw_map(values, plane_of(40, 30), WORDS, Beam(6.0, 3.0, 20.0)).png for _ in range(2)]
    assert here[0] == here[1] == there.stdout


def test_only_what_draws_imports_what_draws() -> None:
    program = (
        "import sys\n"
        "from vo_service.pixels.quicklook import labels, layers, marks, stand, stretch, survey, words\n"
        "assert not [name for name in sys.modules if name.split('.')[0] == 'matplotlib']"
    )
    root = str(Path(__file__).parents[2])
    subprocess.run([sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": root}, check=True)


def test_blank_is_grey_and_nothing_else_is() -> None:
    values = noise_with((5, 5))
    values[:30] = np.nan
    data = framed(draw_map(values, None, WORDS))
    grey = (data == BLANK).all(axis=-1)
    assert grey[-179:-2, 2:-2].all() and not grey[:-181].any()
    for kind in Kind:
        data = framed(draw_map(noise_with((5, 5)), None, WORDS, kind=kind))
        spread = data.max(axis=-1).astype(int) - data.min(axis=-1)
        assert not ((spread < 12) & (abs(lightness(data) - BLANK[0]) < 20)).any()


@pytest.mark.parametrize("kind", [Kind.BRIGHTNESS, Kind.PLAIN])
def test_more_is_lighter(kind: Kind) -> None:
    ramp = np.linspace(0.0, 1.0, 360)[None, :].repeat(20, axis=0)
    light = lightness(framed(draw_map(ramp, None, WORDS, kind=kind)))[40]
    assert (np.diff(light[4:-4:16]) > 0.0).all()


def test_velocities_are_red_going_and_blue_coming_about_white() -> None:
    ramp = np.linspace(1400.0, 1600.0, 360)[None, :].repeat(20, axis=0)
    words = Words("NGC 253", "", "Velocity", "km/s")
    picture = draw_map(ramp, None, words, kind=Kind.VELOCITY)
    row = framed(picture)[40].astype(int)
    coming, middle, going = row[60], row[len(row) // 2], row[-60]
    assert coming[2] > coming[0] + 100 and going[0] > going[2] + 100 and middle.min() > 235
    assert sum(picture.limits) == pytest.approx(3000.0)


@cache
def bare_of(mirrored: bool) -> np.ndarray:
    """The picture of `FLAT` without a beam."""
    return framed(draw_map(FLAT, plane_of(100, 100, CDELT1=(1 if mirrored else -1) / 3600), WORDS))


def dark_in_box(pixels: np.ndarray) -> np.ndarray:
    """(n, 2) places, right and up, of the beam's own pixels in the lower left of the data."""
    rows, columns = np.nonzero(lightness(pixels) < 70.0)
    return np.column_stack([columns, -rows]).astype(float)


@pytest.mark.parametrize("angle", [20.0, 90.0, 140.0])
@pytest.mark.parametrize("mirrored", [False, True], ids=["as-stored", "east-right"])
def test_the_beam_is_drawn_in_its_size_and_angle(angle: float, mirrored: bool) -> None:
    sky = plane_of(100, 100, CDELT1=(1 if mirrored else -1) / 3600)
    data = framed(draw_map(FLAT, sky, WORDS, Beam(20.0, 8.0, angle)))
    changed = (bare_of(mirrored) != data).any(axis=-1)
    rows, columns = np.nonzero(changed)
    assert rows.min() > 500 and columns.max() < 200  # lower left, and nothing else
    box = data[rows.min() + 3 : rows.max() - 2, columns.min() + 3 : columns.max() - 2]
    places = dark_in_box(box)
    spread = np.linalg.eigh(np.cov((places - places.mean(axis=0)).T))
    minor, major = 4.0 * np.sqrt(spread.eigenvalues)  # of a filled ellipse, in pixels of the screen
    assert (major, minor) == pytest.approx((140.0, 56.0), rel=0.06)
    along = spread.eigenvectors[:, 1]
    seen = np.degrees(np.arctan2(-along[0], along[1])) % 180.0  # from up through left
    assert abs((seen - angle + 90.0) % 180.0 - 90.0) < 2.0


def test_a_beam_that_cannot_be_drawn_is_still_in_words() -> None:
    values, sky = noise_with((5, 5)), plane_of(120, 90)
    bare = framed(draw_map(values, sky, WORDS))
    for beam, words in (
        (Beam(80.0, 60.0, 10.0), "beam 1.33′ × 1′, PA 10°. "),
        (Beam(0.02, 0.02, 0.0), "beam 20 mas × 20 mas. "),
        (Beam(3.0, 2.0, None), "beam 3″ × 2″. "),
    ):
        picture = draw_map(values, sky, WORDS, beam)
        assert np.array_equal(framed(picture), bare)
        assert words in picture.alt


def test_the_colour_bar_ends_in_the_colours_of_the_limits() -> None:
    picture = draw_map(noise_with((60, 45)), None, WORDS)
    left, top, width, height = picture.frame
    bar = pixels_of(picture)[top + 2 : top + height - 2, left + width + 23]
    assert lightness(bar[0]) > 235 and lightness(bar[-1]) < 10
    assert (np.diff(lightness(bar)) <= 0.5).all()


def test_a_cube_shows_its_peaks_and_a_reader_is_all_it_takes() -> None:
    cube = np.random.default_rng(2).normal(size=(1, 6, 90, 120)).astype(np.float32)
    cube[0, 4, 70, 20] = 60.0
    survey = survey_image(InMemory(cube), Layers(0, 1, 2))
    picture = draw_preview(survey.plate, plane_of(120, 90), WORDS)
    assert brightest(framed(picture)) == pytest.approx((20 * 6 + 2.5, (89 - 70) * 6 + 2.5), abs=1.0)
    assert picture.limits[1] == 60.0 and "peak 60 Jy/beam" in picture.alt


SKIES: dict[str, dict[str, object]] = {
    "all-sky-ait": {"CTYPE1": "GLON-AIT", "CTYPE2": "GLAT-AIT", "CRVAL1": 0.0, "CRVAL2": 0.0, "scale": 4.0},
    "all-sky-hpx": {"CTYPE1": "RA---HPX", "CTYPE2": "DEC--HPX", "CRVAL1": 0.0, "CRVAL2": 0.0, "scale": 4.0},
    "all-sky-car": {"CTYPE1": "RA---CAR", "CTYPE2": "DEC--CAR", "CRVAL1": 0.0, "CRVAL2": 0.0, "scale": 4.0},
    "hemisphere": {"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "scale": 2.0},
    "pole": {"CRVAL2": 89.9999, "scale": 1e-3},
    "south-pole": {"CRVAL2": -90.0, "scale": 1.0},
    "through-0h": {"CRVAL1": 0.0, "CRVAL2": 20.0, "scale": 1e-2},
    "milliarcsec": {"scale": 1e-9},
    "turned": {"CROTA2": 33.0},
    "galactic": {"CTYPE1": "GLON-CAR", "CTYPE2": "GLAT-CAR", "CRVAL1": 30.0, "CRVAL2": 0.0, "scale": 0.1},
    "fk4": {"RADESYS": "FK4"},
}


@cache
def _bare_strip() -> Picture:
    return draw_map(np.full((45, 90), 1.0), None, WORDS)


@pytest.mark.parametrize("name", SKIES)
def test_any_sky_has_a_grid(name: str) -> None:
    cards = dict(SKIES[name])
    scale = float(cards.pop("scale", 1e-3))  # type: ignore[arg-type]
    frame = "FK4" if name == "fk4" else "GALACTIC" if "GLON" in str(cards.get("CTYPE1")) else "ICRS"
    values = np.full((45, 90), 1.0)
    sky = plane_of(90, 45, frame, CDELT1=-scale, CDELT2=scale, **cards)
    picture = draw_map(values, sky, WORDS, Beam(3e3 * scale, 3e3 * scale, 0.0))
    bare = framed(_bare_strip())
    assert "on the sky in ICRS" in picture.alt
    differing = (framed(picture) != bare).any(axis=-1)
    assert 0.005 < differing[5:-5, 5:-5].mean() < 0.2  # lines, and no more than lines
    if "all-sky-car" not in name and name not in ("all-sky-ait", "all-sky-hpx", "hemisphere"):
        return
    light = lightness(framed(picture))
    assert (light > 200).sum() > (0 if name == "all-sky-car" else 300)  # numbers within the map


@pytest.mark.parametrize(
    "values",
    [
        np.full((3, 4), 3.3),
        np.zeros((3, 4)),
        np.ones((1, 1)),
        np.where(np.eye(6) > 0, 2.0, np.nan),
        np.where(np.eye(6) > 0, np.inf, 1.0),
        np.eye(6) * 1e29,
        np.eye(6) * 1e-310,
        7000.0 + np.eye(6) * 1e-3,
    ],
    ids=["constant", "zero", "one-pixel", "nearly-blank", "infinite", "huge", "tiny", "offset"],
)
def test_any_numbers_have_a_picture(values: np.ndarray) -> None:
    picture = draw_map(values, None, WORDS)
    low, high = picture.limits
    assert low <= high and np.isfinite([low, high]).all()
    middles = framed(picture)[-picture.frame[3] // (2 * len(values)) :: -picture.frame[3] // len(values)]
    shown = middles[:, picture.frame[2] // (2 * values.shape[1]) :: picture.frame[2] // values.shape[1]]
    known = np.isfinite(values)
    assert ((shown == BLANK).all(axis=-1) == ~known).all()
    if high > low:  # the highest is the lightest
        assert np.where(known, lightness(shown), 0.0).argmax() == np.where(known, values, -np.inf).argmax()


def test_no_number_has_none() -> None:
    with pytest.raises(NothingToDraw, match="no pixel of the map is a number"):
        draw_map(np.full((4, 4), np.nan), None, WORDS)


def test_words_of_any_kind_stay_within_the_picture() -> None:
    words = Words("$x^2$ 源\n\x07 " + "long " * 200, "{}\\frac$", "a quantity of many words " * 9, "Jy/beam")
    picture = draw_map(noise_with((5, 5), size=(10, 60)), None, words)
    pixels = pixels_of(picture)
    for edge in (pixels[:4], pixels[-4:], pixels[:, :4], pixels[:, -4:]):
        assert (edge == 255).all()


@pytest.mark.parametrize("size", [(90, 120), (1, 40), (40, 1), (2000, 1000), (5, 5)], ids=str)
def test_a_thumbnail_is_the_plane_alone_on_a_square(size: tuple[int, int]) -> None:
    values = noise_with((0, size[0] - 1), size=size)
    picture = draw_thumbnail(plate_of(values, mean_of), None, "NGC 253")
    pixels = pixels_of(picture)
    assert pixels.shape == (THUMBNAIL, THUMBNAIL, 4)
    left, top, width, height = picture.frame
    assert max(width, height) > THUMBNAIL // 2 and min(width, height) >= THUMBNAIL // 16
    clear = pixels[..., 3] == 0
    assert clear.sum() == THUMBNAIL**2 - width * height
    assert not clear[top : top + height, left : left + width].any()
    upper_left = pixels[top, left]
    assert lightness(upper_left) > 0.95 * lightness(pixels).max()


def test_a_thumbnail_stands_as_its_preview_does() -> None:
    plate = plate_of(noise_with((10, 80)), mean_of)
    for cards in ({}, {"CDELT1": 1 / 3600}, {"CDELT2": -1 / 3600}):
        sky = plane_of(120, 90, **cards)
        large = brightest(framed(draw_preview(plate, sky, WORDS)))
        small = brightest(framed(draw_thumbnail(plate, sky, "x")))
        assert (large[0] / 720, large[1] / 540) == pytest.approx((small[0] / 240, small[1] / 180), abs=0.01)
