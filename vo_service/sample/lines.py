"""Rest frequencies of the lines that the sample observes.

Facts retyped from the Cologne Database for Molecular Spectroscopy (CDMS, Mueller et al.), the fine-structure
lines of carbon from the NIST atomic database. Hertz, rest frame, rounded to 0.1 MHz or better.
"""

from __future__ import annotations

from dataclasses import dataclass

SPEED_OF_LIGHT = 299_792_458.0  # m/s, exact


@dataclass(frozen=True, slots=True)
class Line:
    """A line: ``name`` as astronomers write it, ``tag`` as it stands in file names, ``rest`` in Hz."""

    name: str
    tag: str
    rest: float

    def observed(self, redshift: float) -> float:
        """Barycentric sky frequency in Hz of the line at ``redshift``."""
        return self.rest / (1.0 + redshift)


LINES: dict[str, Line] = {
    line.name: line
    for line in (
        Line("CO(1-0)", "co10", 115.2712018e9),
        Line("CO(2-1)", "co21", 230.5380000e9),
        Line("CO(3-2)", "co32", 345.7959899e9),
        Line("CO(4-3)", "co43", 461.0407682e9),
        Line("CO(5-4)", "co54", 576.2679305e9),
        Line("CO(6-5)", "co65", 691.4730763e9),
        Line("CO(7-6)", "co76", 806.6518060e9),
        Line("13CO(1-0)", "13co10", 110.2013543e9),
        Line("13CO(2-1)", "13co21", 220.3986842e9),
        Line("13CO(3-2)", "13co32", 330.5879653e9),
        Line("C18O(2-1)", "c18o21", 219.5603541e9),
        Line("HCN(1-0)", "hcn10", 88.6316023e9),
        Line("HCN(4-3)", "hcn43", 354.5054779e9),
        Line("HCO+(1-0)", "hcop10", 89.1885247e9),
        Line("HCO+(4-3)", "hcop43", 356.7342230e9),
        Line("CS(2-1)", "cs21", 97.9809533e9),
        Line("CS(5-4)", "cs54", 244.9355565e9),
        Line("CS(7-6)", "cs76", 342.8828503e9),
        Line("SiO(5-4)", "sio54", 217.1049190e9),
        Line("DCO+(3-2)", "dcop32", 216.1125822e9),
        Line("H2CO(3-2)", "h2co32", 218.2221920e9),
        Line("[CI](1-0)", "ci10", 492.1606510e9),
        Line("[CII]", "cii", 1900.5369e9),
    )
}

# Receiver bands of ALMA in GHz (ALMA Technical Handbook); 2 and 3 overlap and the sample uses band 3.
BANDS: tuple[tuple[int, float, float], ...] = (
    (1, 35.0, 50.0),
    (3, 84.0, 116.0),
    (4, 125.0, 163.0),
    (5, 163.0, 211.0),
    (6, 211.0, 275.0),
    (7, 275.0, 373.0),
    (8, 385.0, 500.0),
    (9, 602.0, 720.0),
    (10, 787.0, 950.0),
)


def receiver_band(frequency: float) -> int:
    """Number of the receiver band that holds ``frequency`` (Hz); ValueError outside every band."""
    for number, low, high in BANDS:
        if low <= frequency / 1e9 <= high:
            return number
    raise ValueError(f"{frequency / 1e9:.3f} GHz lies in no receiver band")
