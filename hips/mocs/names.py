"""What coverage maps are called: a kind and, but for the whole, a name of that kind."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final

from hips.mocs.units import UnitKey

Name = tuple[str, ...]
"""``("holdings",)``, ``("band", "6")``, ``("year", "2019")``, ``("project", "2019.1.01234.S")``."""

HOLDINGS: Final[Name] = ("holdings",)
BAND: Final = "band"
YEAR: Final = "year"
PROJECT: Final = "project"


class Dimension(StrEnum):
    """What a map is a map of."""

    SPACE = "space"
    TIME = "time"
    FREQUENCY = "frequency"


def names_of(unit: UnitKey) -> tuple[Name, ...]:
    """The maps that a unit is a part of: a unit of bands 3 and 6 counts in both."""
    bands = dict.fromkeys(re.split(r"[\s,]+", unit.bands.strip())) if unit.bands else {}
    years = () if unit.year is None else ((YEAR, str(unit.year)),)
    projects = () if unit.project is None else ((PROJECT, unit.project),)
    return (HOLDINGS, *((BAND, band) for band in bands if band), *years, *projects)
