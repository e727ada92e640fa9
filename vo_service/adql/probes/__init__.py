"""What a statement has to know before it can be run: candidates by SQL, settled exactly by ``sky``.

Footprints against a constant region, shapes of rows, pairs of shapes, cells round positions.
"""

from vo_service.adql.probes.asking import Ask, Probe, TooManyCandidates
from vo_service.adql.probes.cells import coarser, in_ranges
from vo_service.adql.probes.footprints import FootprintProbe, make_probe, read_probe

__all__ = [
    "Ask",
    "FootprintProbe",
    "Probe",
    "TooManyCandidates",
    "coarser",
    "in_ranges",
    "make_probe",
    "read_probe",
]
