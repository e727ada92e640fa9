"""Proposals of the sample: codes, people, titles and abstracts, all invented; release dates by the archive's
rule.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.time import Time

NOT_RELEASED = "3000-01-01T00:00:00.000"  # what the archive writes while no release date is set

_FAMILY = (
    "Quillota",
    "Brandvold",
    "Ōtsuka",
    "Mbeki",
    "Lindqvist",
    "Araya",
    "Delacroix",
    "Fernández",
    "O'Hara",
    "Zhou",
)
_GIVEN = ("Ana", "Sven", "Kaori", "Thabo", "Elsa", "Diego", "Chloé", "Lucía", "Niamh", "Wei")
_AIM = {
    "galaxy": (
        (
            "Molecular gas and its feedback in {0}",
            "Clouds, arms and bar: the cold gas of {0}",
            "Dense gas in {0}",
        ),
        "Galaxy evolution",
        "Starbursts, star formation",
        "We map {0} to learn how gas < 20 K is turned into stars, at the scale of single clouds.",
    ),
    "disc": (
        ("Rings & gaps around {0}", "Where do planets form in {0}?"),
        "Disks and planet formation",
        "Disks around low-mass stars",
        "The disc of {0} is resolved in dust and in CO isotopologues; we weigh its gas and look for planets.",
    ),
    "star": (
        ("The wind of {0} in three dimensions", "Shells around {0}"),
        "Stars and stellar evolution",
        "Evolved stars - Shaping/physical structure",
        "{0} loses mass in pulses. We follow the shells and date them by their expansion.",
    ),
    "cloud": (
        ("Shocks and chemistry of {0}", "A line survey towards {0}"),
        "ISM and star formation",
        "High-mass star formation, Astrochemistry",
        "Lines of {0} tell temperature and shocks; the survey covers <b>two</b> receiver bands.",
    ),
    "distant": (
        ("Cold gas in the early Universe: {0}", "The host galaxy of {0} in [CII]"),
        "Cosmology and the high redshift universe",
        "High-z Active Galactic Nuclei (AGN)",
        "{0} is seen less than two billion years after the Big Bang. We measure its gas and dynamics.",
    ),
}


@dataclass(frozen=True, slots=True)
class Project:
    """A proposal: what the archive says about it on each of its rows. ``release`` is ISO without zone."""

    code: str
    title: str
    abstract: str
    pi_name: str
    authors: str
    category: str
    keyword: str
    kind: str
    release: str
    bibcodes: str
    publication_year: int | None
    first_author: str
    pub_title: str

    @property
    def is_released(self) -> bool:
        """Whether a real release date is set (all of them lie in the past)."""
        return self.release != NOT_RELEASED


def release_date(start: float, months: int) -> str:
    """ISO time ``months`` after ``start`` (MJD)."""
    return str(Time(start + 30.4375 * months, format="mjd", scale="utc").isot)


def propose(rng: np.random.Generator, kind: str, target: str, start: float, released: bool) -> Project:
    """A proposal for observing ``target`` (of ``kind`` as in sources) from MJD ``start`` on."""
    titles, category, keyword, abstract = _AIM[kind]
    year = int(Time(start, format="mjd").decimalyear)
    cycle_zero = year < 2013
    number = int(rng.integers(1, 1600))
    cycle = "2011.0" if cycle_zero else f"{year - 1}.1"
    code = f"{cycle}.{number:05d}.{rng.choice(['S', 'S', 'S', 'L', 'T'])}"
    people = [
        f"{_FAMILY[i]}, {_GIVEN[j]}"
        for i, j in zip(rng.permutation(10)[:4], rng.permutation(10)[:4], strict=True)
    ]
    published = released and bool(rng.random() < 0.6)
    return Project(
        code=code,
        title=str(rng.choice(titles)).format(target),
        abstract=abstract.format(target),
        pi_name=people[0],
        authors="; ".join(people[1:]) + ";",
        category=category,
        keyword=keyword,
        kind=code[-1],
        release=release_date(start, 14) if released else NOT_RELEASED,
        bibcodes=f"{year + 2}A&A...{number % 700 + 1:3d}A..{number % 90 + 10}Q".replace(" ", ".")
        if published
        else "",
        publication_year=year + 2 if published else None,
        first_author=people[0].split(",")[0] + ", " + people[0].split(", ")[1][0] + "." if published else "",
        pub_title=f"ALMA observations of {target}" if published else "",
    )
