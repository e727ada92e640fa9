"""A place where trees are built of made fields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from made_fields import ARCSEC, FileField, header_of, sources_of, write_field

from hips.images.build import Report, build_tree
from hips.images.resample import Reproject
from hips.trees.description import Description
from hips.trees.versions import Trees

MOMENT = datetime(2026, 3, 1, 12, 30, 44, tzinfo=UTC)
TOLD = Description(
    creator_did="ivo://example.org/hips/continuum-band-6",
    title="Continuum in band 6",
    text="All public continuum images of band 6",
    unit="MJy/sr",
    collection="ALMA",
    t_min=57000.0,
    t_max=58000.5,
    em_min=1.1e-3,
    em_max=1.4e-3,
    category="Image/Radio/ALMA",
)


def describe(members: Sequence[str]) -> Description:
    return replace(TOLD, progenitors=tuple(members))


@dataclass
class House:
    """A place for trees and for the fields that they are made of."""

    directory: Path

    def __post_init__(self) -> None:
        self.trees = Trees(self.directory / "hips")
        (self.directory / "fields").mkdir(parents=True)

    def field(
        self,
        name: str,
        place: tuple[float, float],
        pixel: float,
        size: tuple[int, int] = (90, 80),
        *,
        sources: list[tuple[float, float, float]] | None = None,
        noise: float = 0.01,
        level: float = 0.0,
        projection: str = "TAN",
        **more,
    ) -> FileField:
        """A field of noise and sources of 4 pixels; ``pixel`` in arcsec."""
        rng = np.random.default_rng(sum(name.encode()))
        values = level + noise * rng.normal(size=size[::-1]) + sources_of(size, sources or [], 4.0)
        header = header_of(*place, pixel * ARCSEC, size, projection, turned=15.0)
        path = self.directory / "fields" / f"{name}.fits"
        beam = more.pop("beam", 4 * pixel * ARCSEC)
        return write_field(path, values, header, name=name, beam=beam, **more)

    def build(self, fields: Sequence[FileField], **more) -> Report:
        engine, told = more.pop("engine", None) or Reproject(), more.pop("describe", describe)
        with self.trees.writing("a test"):
            return build_tree(
                "continuum-band-6", fields, engine, self.trees, told, **{"moment": MOMENT} | more
            )
