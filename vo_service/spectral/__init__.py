"""Frequencies: line list, redshift and velocity definitions, spectral frames, intervals and supports, bands.

Numbers are plain: frequencies in hertz, vacuum wavelengths in metres, velocities in metres a second.
"""

from vo_service.spectral.bands import BANDS, band_of
from vo_service.spectral.doppler import (
    frequency_at_redshift,
    frequency_of_optical,
    frequency_of_radio,
    frequency_of_relativistic,
    optical_velocity,
    radio_velocity,
    redshift,
    relativistic_velocity,
)
from vo_service.spectral.frames import (
    ALMA,
    C,
    Frame,
    FrameUnknown,
    Pointing,
    barycentric_factor,
    frame_of,
    from_barycentric,
    to_barycentric,
)
from vo_service.spectral.intervals import (
    line_covered,
    line_covered_all,
    merge_intervals,
    support_of,
)
from vo_service.spectral.lines import LINES, Line, UnknownLine, line
from vo_service.spectral.supports import (
    SupportComponent,
    match_component,
    parse_frequency_support,
    write_frequency_support,
)

__all__ = [
    "ALMA",
    "BANDS",
    "LINES",
    "C",
    "Frame",
    "FrameUnknown",
    "Line",
    "Pointing",
    "SupportComponent",
    "UnknownLine",
    "band_of",
    "barycentric_factor",
    "frame_of",
    "frequency_at_redshift",
    "frequency_of_optical",
    "frequency_of_radio",
    "frequency_of_relativistic",
    "from_barycentric",
    "line",
    "line_covered",
    "line_covered_all",
    "match_component",
    "merge_intervals",
    "optical_velocity",
    "parse_frequency_support",
    "radio_velocity",
    "redshift",
    "relativistic_velocity",
    "support_of",
    "to_barycentric",
    "write_frequency_support",
]
