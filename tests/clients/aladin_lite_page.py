"""A page with Aladin Lite on it, and which place of the sky each of its pixels is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

OUTLINE = (0, 255, 0)
BACKGROUND = (0, 0, 60)
OUTLINE_OFF = 5.0 / 3600.0
"""Degrees that Aladin Lite 3.8 may draw an outline off its place, 4 arcsec as measured: it computes sines of
longitudes and latitudes in a shader."""
_PAGE = """<!doctype html>
<meta charset="utf-8">
<link rel="icon" href="data:,">
<style>html, body {{ margin: 0 }} #sky {{ width: {side}px; height: {side}px }}</style>
<div id="sky"></div>
<script type="module">
import A from "./aladin.js";
window.told = [];
await A.init;
const hidden = ["Reticle", "Frame", "LayersControl", "ZoomControl", "FullscreenControl", "CooLocation",
    "Fov", "ProjectionControl", "SettingsControl", "StackLayerControl", "SimbadPointerControl",
    "ContextMenu", "Status"];
const options = {{
    survey: A.imageHiPS("{tree}", {shown}), target: "{ra} {dec}", fov: {fov}, projection: "TAN",
    cooFrame: "ICRSd", backgroundColor: "rgb{background}", log: false,
}};
for (const part of hidden) options["show" + part] = false;
window.aladin = A.aladin("#sky", options);
const outline = {{ color: "rgb{outline}", lineWidth: 3, perimeter: true, fill: false, opacity: 1 }};
const loaded = () => told.push("moc");
aladin.addMOC(A.MOCFromURL("{moc}", outline, loaded, error => told.push("no moc: " + error)));
</script>
"""

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class View:
    """A square window of ``side`` pixels on a tangent plane round a place, ``fov`` degrees across."""

    ra: float
    dec: float
    fov: float
    side: int

    def write(self, folder: Path, script: Path, tree: str, tile_format: str, peak: float, moc: str) -> None:
        """The page, with the script beside it; ``peak`` is the value in FITS tiles that is shown as white."""
        shown: dict[str, object] = {"imgFormat": tile_format}
        if tile_format == "fits":
            shown |= {"minCut": 0.0, "maxCut": peak, "colormap": "grayscale"}
        page = _PAGE.format(
            side=self.side,
            tree=tree,
            shown=json.dumps(shown),
            ra=self.ra,
            dec=self.dec,
            fov=self.fov,
            moc=moc,
            background=BACKGROUND,
            outline=OUTLINE,
        )
        (folder / f"{tile_format}.html").write_text(page)
        if not (folder / script.name).exists():
            (folder / script.name).symlink_to(script)

    def pixel_of(self, ra: float, dec: float) -> tuple[float, float]:
        """(row, column) of a place near the middle."""
        east = np.sin(np.radians(ra - self.ra)) * np.cos(np.radians(dec))
        north = np.sin(np.radians(dec - self.dec))
        scale = np.degrees(1.0) * self.side / self.fov
        middle = (self.side - 1) / 2.0
        return float(middle - north * scale), float(middle - east * scale)

    def positions(self) -> tuple[Doubles, Doubles]:
        """Right ascension and declination in degrees of all pixels ``(rows, columns)``, for views that are
        small and far from the poles."""
        step = (np.arange(self.side) - (self.side - 1) / 2.0) * self.fov / self.side
        dec = np.broadcast_to(self.dec - step[:, None], (self.side, self.side))
        return self.ra - step[None, :] / np.cos(np.radians(dec)), dec
