"""What pixels tell (design 4.3), listed independently of what tap_schema says of itself."""

from __future__ import annotations

MEASURED = {
    "holdings.measurement": (
        "remark", "content_hash", "valid_fraction", "valid_area", "moc", "outline", "rms", "peak", "peak_ra",
        "peak_dec", "dynamic_range",
    ),
    "holdings.peak_spectrum": ("peak", "rms", "peak_ra", "peak_dec"),
    "holdings.line_candidate": (
        "channel_first", "channel_last", "frequency", "f_low", "f_high", "snr", "width", "false_alarm",
        "lines",
    ),
    "holdings.qa2": (
        "rms_achieved", "rms_ratio", "rms_pass", "rms_relaxed", "sensitivity_10kms",
        "cont_sensitivity_bandwidth", "verdict",
    ),
    "holdings.product": ("duplicate_of",),
}  # fmt: skip
"""Columns that pixels tell, of which nobody else sees anything."""
