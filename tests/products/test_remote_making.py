"""Results of files behind URLs that a process makes: as few bytes as of cuts that are sent as they lie."""

from __future__ import annotations

import io
import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from cut_files import stored_at
from product_files import FREQUENCY, SKY, STOKES
from web_servers import STILL, Web, serve

from vo_service.products.making import Input, Making
from vo_service.products.selection import Constraints, RowFacts
from vo_service.products.stored import open_source
from vo_service.products.wanted import Cut, MomentOf, SpectrumOf, Wanted

SHAPE = (1, 6, 300, 400)  # 480 kB a plane
STAMP = Wanted(Constraints(pixels=((101, 120), (51, 70)), channels=(2, 4)), (("PIXELS", "101 120 51 70"),))
STAMP_PIXELS = np.s_[:, 1:4, 50:70, 100:120]
STAMP_BYTES = 3 * (19 * 1600 + 80)
DIGEST_BYTES = 32


def bytes_asked(web: Web) -> int:
    spans = [asked.removeprefix("bytes=").split("-") for _, _, asked in web.asked if asked]
    return sum(int(last) - int(first) + 1 for first, last in spans)


@pytest.mark.parametrize(
    "result", [Cut(), MomentOf(8), SpectrumOf("mean", "fits")], ids=["cut", "moment", "spectrum"]
)
def test_a_process_asks_for_little_more_than_the_rows(
    tmp_path: Path, result: Cut | MomentOf | SpectrumOf
) -> None:
    path = tmp_path / "web" / "cube.fits"
    path.parent.mkdir()
    cube = fits.PrimaryHDU(np.random.default_rng(7).normal(size=SHAPE).astype(np.float32))
    cube.header.update({"BUNIT": "Jy/beam", **SKY, **FREQUENCY, **STOKES})
    cube.writeto(path)
    os.utime(path, (STILL, STILL))
    file, wanted, out = stored_at(path), replace(STAMP, result=result), tmp_path / "result"
    with serve(path.parent) as web, closing(open_source(file, {"r": web.url})) as opened:
        web.asked.clear()
        Making((Input(file, opened.source, tmp_path),), RowFacts(), None, wanted, 1 << 20)(out)
        rows = [asked for _, _, asked in web.asked[-4:-1] if asked]  # the last one asks for the state
        spans = [asked.removeprefix("bytes=").split("-") for asked in rows]
        assert sum(int(last) - int(first) + 1 for first, last in spans) == STAMP_BYTES
        assert bytes_asked(web) < 250_000 and len(web.asked) <= 12
    values = cube.data[STAMP_PIXELS].astype(np.float64)
    with fits.open(io.BytesIO(out.read_bytes()[:-DIGEST_BYTES])) as hdus:
        if isinstance(result, SpectrumOf):
            (name,) = [each for each in hdus[1].columns.names if each.lower() in ("flux", "mean", "value")]
            assert np.allclose(np.ravel(hdus[1].data[name]), values.mean(axis=(0, 2, 3)), rtol=1e-6)
        else:
            expected = values.max(axis=1, keepdims=True) if isinstance(result, MomentOf) else values
            assert np.allclose(hdus[0].data, expected, rtol=1e-6)
