"""What a cut-out of a `LargeCube` has to hold, by numpy and the coordinates that the cube has."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from astropy.wcs import WCS
from large_cubes import BLOCK, CARDS, LargeCube
from numpy.typing import NDArray


@cache
def _sky() -> WCS:
    sky = WCS(naxis=2)
    for name in ("CTYPE", "CRVAL", "CRPIX", "CDELT", "CUNIT"):
        setattr(sky.wcs, name.lower(), [CARDS[f"{name}1"], CARDS[f"{name}2"]])
    return sky


@cache
def _pixels(cube: LargeCube) -> NDArray[Any]:
    raw = np.frombuffer(cube.path.read_bytes(), ">f4", cube.data_bytes // 4, cube.start)
    return raw.reshape(cube.channels, cube.side, cube.side)


def check_circle(cut: bytes, cube: LargeCube, lon: float, lat: float, radius: float) -> None:
    """That a cut-out has every pixel that a circle touches and the smallest box of them, in its place.

    So near the middle of the projection a circle of the sky is one of pixels to 1e-8 of them.
    """
    x, y = _sky().all_world2pix(lon, lat, 0)
    reach = radius / CARDS["CDELT2"]  # type: ignore[operator]
    starts = [max(int(np.floor(middle - reach + 0.5)), 0) for middle in (x, y)]
    ends = [min(int(np.floor(middle + reach + 0.5)) + 1, cube.side) for middle in (x, y)]
    wanted = _pixels(cube)[:, starts[1] : ends[1], starts[0] : ends[0]]
    cards, data = _parted(cut)
    for axis in (0, 1):
        assert int(cards[f"NAXIS{axis + 1}"]) == ends[axis] - starts[axis]
        assert float(cards[f"CRPIX{axis + 1}"]) == CARDS[f"CRPIX{axis + 1}"] - starts[axis]  # type: ignore[operator]
    assert int(cards["NAXIS3"]) == cube.channels
    assert data[: wanted.nbytes] == wanted.tobytes() and not data[wanted.nbytes :].strip(b"\0")


def _parted(cut: bytes) -> tuple[dict[str, str], bytes]:
    """Values of the cards of the first header, and what follows it."""
    cards = {}
    for at in range(0, len(cut), 80):
        card = cut[at : at + 80].decode("ascii")
        if card.rstrip() == "END":
            return cards, cut[-(-(at + 80) // BLOCK) * BLOCK :]
        cards[card[:8].rstrip()] = card[10:].partition("/")[0].strip()
    raise AssertionError("no header")
