"""Cards of one name that contradict each other, where a text is read from the first of them.

FITS 4.0 (4.1.2.3) calls the value of such a keyword indeterminate. A number is then unknown, and the step
that needs it says so; of a text the first card counts, as for the usual readers, and this step says so.
"""

from __future__ import annotations

from vo_service.holdings.header import ImageHeader
from vo_service.holdings.records import Product, Repair

_TEXTS = (
    "OBJECT",
    "TELESCOP",
    "INSTRUME",
    "ORIGIN",
    "BUNIT",
    "BTYPE",
    "TYPE",
    "DATE-OBS",
    "DATE-BEG",
    "DATE_OBS",
    "DATE-END",
    "TIMESYS",
    "SPECSYS",
)


def note_repeats(product: Product, header: ImageHeader) -> Product:
    """One repair row for each text that was taken from the first of several different cards."""
    repeated = header.keywords.repeated
    return product.repaired(
        *(
            Repair(
                key,
                "; ".join(repeated[key]),
                header.keywords.text(key),
                "CARD-REPEATED",
                f"{key} is given {len(repeated[key])} times with different values: the first is taken",
                0.5,
            )
            for key in _TEXTS
            if key in repeated
        )
    )
