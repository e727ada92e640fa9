"""Moments of what has none: weights that cancel, channels without a frequency; and the units of beams."""

from __future__ import annotations

import numpy as np
import pytest
from array_reader import ArrayReader
from astropy import units as u
from astropy.io import fits
from test_compute_moments import REST, by_numpy, velocities
from test_cutout_beams import stored

from vo_service.pixels import FitsError
from vo_service.pixels.compute.channel_beams import beams_of
from vo_service.pixels.compute.channels import ChannelScale, NotComputable
from vo_service.pixels.compute.moments import moment_map, moment_parts
from vo_service.pixels.cutout.box import Box


def test_weights_that_cancel_have_no_mean() -> None:
    borders = 100e9 + np.arange(7) * 1e6
    scale = ChannelScale(borders, "radio", REST)
    weak = np.array([1.0, -1.0, 1.0, -1.0, 1e-9, 0.0])
    data = np.array([[1.0, -1.0, 1.0, -1.0, 0.0, 0.0], [1e5, -1e5, 3e-9, -3e-9, 0.0, np.nan], weak,
                     [0.0] * 6, [1e-30] * 6]).T[:, None, :]  # fmt: skip
    for most in (8, 1 << 20):  # a channel at a time, and all together
        for order in (1, 2):
            parts = moment_parts(
                ArrayReader(data), Box.whole((5, 1, 6)), 3, scale, order, sums_bytes=most, slab_bytes=most
            )
            found = np.concatenate([part.ravel() for part in parts])
            assert np.isnan(found[[0, 1, 3]]).all(), found
            wanted = by_numpy(data[:, 0, 4], velocities(borders, "radio"), order)
            assert found[4] ** order == pytest.approx(wanted, rel=1e-9)
            assert order == 2 or np.isfinite(found[2])


@pytest.mark.parametrize(
    ("borders", "definition", "reference"),
    [
        ([-1e6, 1e6, 3e6, 5e6], "radio", REST),
        ([2e6, 1e6, 0.0, -1e6], "radio", None),
        ([100e9, np.nan, 101e9, 102e9], "radio", None),
        ([np.nan] * 4, "radio", REST),
        ([0.0, 1e6, 2e6, 3e6], "optical", REST),
        ([100e9, 101e9, 102e9, 103e9], "radio", np.nan),
    ],
    ids=["through-0", "through-0-Hz", "a-hole", "none", "infinite", "no-reference"],
)
def test_channels_without_a_frequency_have_no_integral(
    borders: list[float], definition: str, reference: float | None
) -> None:
    data = np.arange(12.0).reshape(3, 2, 2)
    scale = ChannelScale(np.array(borders), definition, reference)
    for order in (0, 1, 2):
        with pytest.raises(NotComputable):
            moment_parts(ArrayReader(data), Box.whole((2, 2, 3)), 3, scale, order)
    assert (moment_map(ArrayReader(data), Box.whole((2, 2, 3)), 3, scale, 8)[0] == data[2]).all()


@pytest.mark.parametrize("unit", ["mas", "uas", "arcsec", "ARCMIN", "Degrees", "deg", "rad", None])
def test_beams_in_any_unit_of_angle(unit: str | None) -> None:
    columns = [fits.Column(name, "1D", unit, array=[3.0, 4.0]) for name in ("BMAJ", "BMIN")]
    table, _ = stored(fits.BinTableHDU.from_columns(columns, name="BEAMS"))
    known = u.Unit({None: "deg", "ARCMIN": "arcmin", "Degrees": "deg"}.get(unit, unit))
    wanted = ([3.0, 4.0] * known).to_value("deg")
    found = beams_of(table, (0, 2), (0, 1))
    assert np.allclose(found.major, wanted, rtol=1e-12, atol=0) and np.array_equal(found.minor, found.major)


@pytest.mark.parametrize("unit", ["m", "blobs", "Jy/beam"])
def test_beams_in_no_unit_of_angle(unit: str) -> None:
    columns = [fits.Column(name, "1D", unit, array=[3.0, 4.0]) for name in ("BMAJ", "BMIN")]
    table, _ = stored(fits.BinTableHDU.from_columns(columns, name="BEAMS"))
    with pytest.raises(FitsError, match="is no angle"):
        beams_of(table, (0, 2), (0, 1))
