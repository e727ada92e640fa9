"""Real sources: where they are, how fast they move, what is observed in them, how observers spell them.

Positions (ICRS, J2000) and velocities are facts retyped from OpenNGC (galaxies), the International
Celestial Reference Frame (calibrators), SIMBAD and the discovery papers (single objects): good to the
arcsecond and to a few km/s, which is all a sample needs. ``velocity`` is the optical velocity in km/s in
``frame``.
"""

from __future__ import annotations

from dataclasses import dataclass

from vo_service.sample.lines import LINES, SPEED_OF_LIGHT, Line, receiver_band


@dataclass(frozen=True, slots=True)
class Source:
    """One source on the sky.

    ``spellings`` are names met in headers, all for this position; ``width`` is the line width (FWHM) in km/s;
    ``kind`` is galaxy, disc, star, cloud or distant; ``lines`` are names of :data:`LINES`; ``origin`` says
    where position and velocity were read.
    """

    spellings: tuple[str, ...]
    ra: float
    dec: float
    velocity: float
    width: float
    kind: str
    lines: tuple[str, ...]
    origin: str
    frame: str = "BARY"
    redshift_given: float | None = None

    @property
    def name(self) -> str:
        """The first spelling."""
        return self.spellings[0]

    @property
    def redshift(self) -> float:
        """Redshift in ``frame`` (barycentric but for sources whose velocity is given in the LSRK)."""
        if self.redshift_given is not None:
            return self.redshift_given
        return self.velocity * 1000.0 / SPEED_OF_LIGHT

    def observable(self) -> tuple[Line, ...]:
        """The lines of this source, every one within a receiver band at its redshift."""
        lines = tuple(LINES[name] for name in self.lines)
        for line in lines:
            receiver_band(line.observed(self.redshift))
        return lines


def _hours(hours: int, minutes: int, seconds: float) -> float:
    return 15.0 * (hours + minutes / 60.0 + seconds / 3600.0)


def _degrees(sign: int, degrees: int, minutes: int, seconds: float) -> float:
    return sign * (degrees + minutes / 60.0 + seconds / 3600.0)


_CO = ("CO(2-1)", "CO(1-0)", "CO(3-2)")
_DENSE = (*_CO, "HCN(1-0)", "HCO+(1-0)", "CS(2-1)")
_DISC = ("CO(2-1)", "13CO(2-1)", "C18O(2-1)", "CO(3-2)", "13CO(3-2)", "DCO+(3-2)")
_SHELL = ("CO(2-1)", "CO(3-2)", "SiO(5-4)", "13CO(3-2)")
_CLOUD = ("CS(5-4)", "SiO(5-4)", "H2CO(3-2)", "13CO(2-1)", "HCN(4-3)")
_NGC = "OpenNGC"

M83 = Source(
    ("M83", "NGC5236", "NGC_5236", "M_83", "m83"),
    _hours(13, 37, 0.95), _degrees(-1, 29, 51, 55.5), 519.0, 160.0, "galaxy", _CO, _NGC,
)  # fmt: skip

SOURCES: tuple[Source, ...] = (
    Source(("NGC1068", "NGC_1068", "ngc1068", "M77"), _hours(2, 42, 40.71), _degrees(-1, 0, 0, 47.8),
           1140.0, 250.0, "galaxy", _DENSE, _NGC),
    Source(("HL_Tau", "HL Tau", "HLTau", "HL_tau"), _hours(4, 31, 38.43), _degrees(1, 18, 13, 57.2),
           7.1, 6.0, "disc", _DISC, "ALMA Partnership et al. 2015", "LSRK"),
    Source(("NGC253", "NGC_253", "NGC 253", "ngc253"), _hours(0, 47, 33.12), _degrees(-1, 25, 17, 17.6),
           259.0, 220.0, "galaxy", _DENSE, _NGC),
    Source(("TW_Hya", "TW Hya", "TWHya"), _hours(11, 1, 51.91), _degrees(-1, 34, 42, 17.0),
           2.8, 2.0, "disc", _DISC, "SIMBAD; Teague et al. 2018", "LSRK"),
    Source(("J1342+0928", "J1342p0928", "ULAS_J1342+0928"), _hours(13, 42, 8.10), _degrees(1, 9, 28, 38.6),
           0.0, 380.0, "distant", ("[CII]", "CO(7-6)"), "Banados et al. 2018", redshift_given=7.5413),
    Source(("Orion KL", "Orion_KL", "OrionKL"), _hours(5, 35, 14.5), _degrees(-1, 5, 22, 30.0),
           8.0, 12.0, "cloud", _CLOUD, "SIMBAD", "LSRK"),
    Source(("NGC4321", "NGC_4321", "M100", "ngc4321"), _hours(12, 22, 54.83), _degrees(1, 15, 49, 18.5),
           1570.0, 180.0, "galaxy", _CO, _NGC),
    Source(("SPT0346-52", "SPT-S_J034640-5204.9"), _hours(3, 46, 41.13), _degrees(-1, 52, 5, 2.1),
           0.0, 500.0, "distant", ("[CII]", "CO(6-5)"), "Weiss et al. 2013", redshift_given=5.656),
    Source(("HD_163296", "HD163296", "HD 163296"), _hours(17, 56, 21.29), _degrees(-1, 21, 57, 21.9),
           5.8, 5.0, "disc", _DISC, "SIMBAD; Isella et al. 2016", "LSRK"),
    Source(("NGC3627", "NGC_3627", "M66"), _hours(11, 20, 14.96), _degrees(1, 12, 59, 29.5),
           702.0, 260.0, "galaxy", _CO, _NGC),
    Source(("Arp_220", "Arp220", "ARP 220"), _hours(15, 34, 57.22), _degrees(1, 23, 30, 11.5),
           5434.0, 450.0, "galaxy", _DENSE, "SIMBAD"),
    Source(("BR1202-0725", "BRI1202-0725"), _hours(12, 5, 23.13), _degrees(-1, 7, 42, 32.5),
           0.0, 700.0, "distant", ("[CII]", "CO(5-4)"), "Carilli et al. 2013", redshift_given=4.6948),
    Source(("R_Scl", "R Scl", "RScl"), _hours(1, 26, 58.09), _degrees(-1, 32, 32, 35.5),
           -19.0, 25.0, "star", _SHELL, "SIMBAD; Maercker et al. 2012", "LSRK"),
    Source(("NGC1365", "NGC_1365", "ngc1365"), _hours(3, 33, 36.37), _degrees(-1, 36, 8, 25.4),
           1637.0, 240.0, "galaxy", _DENSE, _NGC),
    Source(("SgrB2", "Sgr_B2", "Sgr B2(N)"), _hours(17, 47, 20.0), _degrees(-1, 28, 22, 18.0),
           64.0, 14.0, "cloud", _CLOUD, "SIMBAD", "LSRK"),
    Source(("NGC4945", "NGC_4945"), _hours(13, 5, 27.48), _degrees(-1, 49, 28, 5.6),
           538.0, 280.0, "galaxy", _DENSE, _NGC),
    Source(("CW_Leo", "IRC+10216", "CW Leo"), _hours(9, 47, 57.41), _degrees(1, 13, 16, 43.6),
           -26.5, 29.0, "star", _SHELL, "SIMBAD; Cernicharo et al. 2015", "LSRK"),
    Source(("Antennae", "NGC4038", "AntNorth", "NGC_4038"), _hours(12, 1, 53.01), _degrees(-1, 18, 52, 3.4),
           1672.0, 150.0, "galaxy", _CO, _NGC),
    Source(("Cen_A", "CenA", "NGC5128", "Centaurus A"), _hours(13, 25, 27.62), _degrees(-1, 43, 1, 8.8),
           547.0, 300.0, "galaxy", _CO, _NGC),
    Source(("NGC7469", "NGC_7469"), _hours(23, 3, 15.62), _degrees(1, 8, 52, 26.4),
           4722.0, 300.0, "galaxy", _DENSE, _NGC),
    Source(("NGC3256", "NGC_3256"), _hours(10, 27, 51.27), _degrees(-1, 43, 54, 13.5),
           2794.0, 200.0, "galaxy", _DENSE, _NGC),
)  # fmt: skip

SURVEY_SOURCES: tuple[Source, ...] = (
    Source(("NGC2903",), _hours(9, 32, 10.11), _degrees(1, 21, 30, 3.0), 556.0, 150.0, "galaxy", _CO, _NGC),
    Source(("NGC0628",), _hours(1, 36, 41.75), _degrees(1, 15, 47, 1.2), 655.0, 60.0, "galaxy", _CO, _NGC),
    Source(("NGC1433",), _hours(3, 42, 1.55), _degrees(-1, 47, 13, 19.5), 1074.0, 100.0, "galaxy", _CO, _NGC),
    Source(("NGC1566",), _hours(4, 20, 0.42), _degrees(-1, 54, 56, 16.1), 1506.0, 110.0, "galaxy", _CO, _NGC),
    Source(("NGC3351",), _hours(10, 43, 57.70), _degrees(1, 11, 42, 13.7), 766.0, 120.0, "galaxy", _CO, _NGC),
    Source(("NGC4303",), _hours(12, 21, 54.90), _degrees(1, 4, 28, 25.1), 1564.0, 120.0, "galaxy", _CO, _NGC),
    Source(("NGC7496",), _hours(23, 9, 47.29), _degrees(-1, 43, 25, 40.6), 1648.0, 90.0, "galaxy", _CO, _NGC),
)  # fmt: skip

# Quasars that ALMA calibrates with: International Celestial Reference Frame positions, no line of their own.
CALIBRATORS: tuple[Source, ...] = tuple(
    Source((name,), ra, dec, 0.0, 100.0, "calibrator", (), "ICRF")
    for name, ra, dec in (
        ("J1337-1257", _hours(13, 37, 39.7828), _degrees(-1, 12, 57, 24.693)),
        ("J0006-0623", _hours(0, 6, 13.8929), _degrees(-1, 6, 23, 35.335)),
        ("J1058+0133", _hours(10, 58, 29.6052), _degrees(1, 1, 33, 58.824)),
        ("J1924-2914", _hours(19, 24, 51.0560), _degrees(-1, 29, 14, 30.121)),
        ("J2258-2758", _hours(22, 58, 5.9629), _degrees(-1, 27, 58, 21.257)),
        ("J0423-0120", _hours(4, 23, 15.8007), _degrees(-1, 1, 20, 33.065)),
        ("J0510+1800", _hours(5, 10, 2.3691), _degrees(1, 18, 0, 41.582)),
        ("J1256-0547", _hours(12, 56, 11.1665), _degrees(-1, 5, 47, 21.525)),
        ("J1517-2422", _hours(15, 17, 41.8131), _degrees(-1, 24, 22, 19.476)),
        ("J0538-4405", _hours(5, 38, 50.3616), _degrees(-1, 44, 5, 8.939)),
    )
)
