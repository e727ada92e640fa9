"""What a cut goes by agrees with the rows of the file, and frequencies of other frames with astropy's."""

from __future__ import annotations

from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord, SpectralCoord
from product_files import write_product
from test_product_spectrum import C, observer_of

from vo_service.holdings.describe import describe_product
from vo_service.holdings.image_view import ImageView, view_image
from vo_service.holdings.records import ProductError
from vo_service.pixels import read_fits
from vo_service.spectral import Frame, FrameUnknown

DATED = {"DATE-OBS": "2017-04-22T17:20:14.9"}


def view_of(tmp_path: Path, **cards: object) -> ImageView:
    found = write_product(tmp_path / "a.fits", **(DATED | cards))
    return view_image(found, read_fits(tmp_path / "a.fits"))


def test_it_says_what_the_row_says(tmp_path: Path) -> None:
    view = view_of(tmp_path, SPECSYS="LSRK", RADESYS="ICRS")
    row = describe_product(view.product.file, tmp_path)
    assert (row.sky, row.spectral, row.beam, row.unit) == (
        view.product.sky,
        view.product.spectral,
        view.product.beam,
        view.product.unit,
    )
    spectral = view.spectral
    assert spectral is not None and row.spectral is not None and len(spectral.edges) == 11
    ends = spectral.own(np.array([C / row.spectral.em_max, C / row.spectral.em_min]))
    assert ends == pytest.approx(spectral.edges[[0, -1]], rel=1e-14)
    assert view.sky is not None
    [[ra, dec]] = view.sky.positions(np.array([[33.0, 33.0]]))
    assert (ra, dec) == pytest.approx((204.25, -29.87), abs=1e-9)


@pytest.mark.filterwarnings("ignore::astropy.coordinates.spectral_coordinate.NoVelocityWarning")
@pytest.mark.parametrize("own", ["LSRK", "TOPOCENT"])
def test_barycentric_frequencies_become_the_files_own(tmp_path: Path, own: str) -> None:
    # SODA-024
    view = view_of(tmp_path, SPECSYS=own, RADESYS="ICRS")
    assert view.spectral is not None and view.product.sky is not None
    target = SkyCoord(view.product.sky.ra * u.deg, view.product.sky.dec * u.deg, distance=1 * u.kpc)
    seen = SpectralCoord(view.spectral.edges * u.Hz, observer=observer_of(own), target=target)
    barycentric = seen.with_observer_stationary_relative_to("icrs").to_value(u.Hz)
    assert np.abs(view.spectral.own(barycentric) - view.spectral.edges).max() < 1.0


@pytest.mark.parametrize("own", ["LSRK", "TOPOCENT", "BARYCENT"])
def test_a_frame_leads_to_itself_and_all_to_each_other(tmp_path: Path, own: str) -> None:
    view = view_of(tmp_path, SPECSYS=own)
    spectral = view.spectral
    assert spectral is not None and spectral.frame is not None
    assert spectral.own(spectral.edges, spectral.frame).tolist() == spectral.edges.tolist()
    there = spectral.own(spectral.edges, Frame.LSRK) / spectral.own(spectral.edges, Frame.TOPO)
    assert np.ptp(there) < 1e-12
    assert (own == "BARYCENT") == (spectral.own(spectral.edges).tolist() == spectral.edges.tolist())


@pytest.mark.parametrize(
    "cards", [{}, {"SPECSYS": "SOURCE"}, {"SPECSYS": "TOPOCENT", "DATE-OBS": None}], ids=str
)
def test_where_the_frame_cannot_be_converted_edges_stand_for_the_barycentre(
    tmp_path: Path, cards: dict[str, object]
) -> None:
    # design 4.4: as em_min and em_max of the row do
    view = view_of(tmp_path, **cards)
    assert view.spectral is not None and view.product.spectral is not None
    low = C / view.product.spectral.em_max
    assert view.spectral.own(np.array([low])).tolist() == [low]
    with pytest.raises(FrameUnknown):
        view.spectral.own(np.array([low]), Frame.LSRK)


def test_planes_of_polarisation_are_known_one_by_one(tmp_path: Path) -> None:
    found = write_product(tmp_path / "a.fits", (4, 1, 8, 8), CRVAL4=-4.0)
    assert view_image(found, read_fits(tmp_path / "a.fits")).stokes == ("LR", "RL", "LL", "RR")
    found = write_product(tmp_path / "a.fits", (3, 1, 8, 8), CRVAL4=3.0)
    assert view_image(found, read_fits(tmp_path / "a.fits")).stokes == ("U", "V", None)
    assert view_of(tmp_path, CTYPE4="OTHER").stokes is None


def test_an_image_without_axes_of_a_kind_has_no_view_of_them(tmp_path: Path) -> None:
    view = view_of(tmp_path, CTYPE3="", CTYPE4="")
    assert view.sky is not None and view.spectral is None
    view = view_of(tmp_path, CTYPE1="LINEAR", CTYPE2="LINEAR")
    assert view.sky is None and view.spectral is not None


def test_a_file_without_an_image_is_refused(tmp_path: Path) -> None:
    found = write_product(tmp_path / "a.fits", (0,))
    with pytest.raises(ProductError, match="holds no image"):
        view_image(found, read_fits(tmp_path / "a.fits"))
