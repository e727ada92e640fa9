"""What holds for every format: batches are joined as one table, and which formats tell errors."""

from __future__ import annotations

import pyarrow as pa
import pytest
from every_type import EVERY_TYPE, batch_of

from vo_service.formats import FORMATS, OK, Format, TableDescription


@pytest.mark.parametrize("offer", FORMATS, ids=lambda offer: offer.media_type)
def test_batches_are_joined_as_one(offer: Format) -> None:
    """However rows are cut into batches: the same table (Parquet apart, which has its row groups)."""
    # of two columns in the heap of a FITS table, the cells lie there batch by batch
    kinds = [(one, values * 100) for one, values in EVERY_TYPE if one.name != "counts"]
    columns, whole = tuple(one for one, _ in kinds), batch_of(*kinds)

    def encoded(batches: list[pa.RecordBatch]) -> bytes:
        encoder = offer.make()
        parts = list(encoder.begin(TableDescription(columns)))
        for batch in batches:
            parts += encoder.rows(batch)
        return b"".join([*parts, *encoder.end(OK)])

    assert encoded([whole]) == encoded(
        [whole.slice(0, 1), whole.slice(1, 0), whole.slice(1, 200), whole.slice(201)]
    )


@pytest.mark.parametrize("offer", FORMATS, ids=lambda offer: offer.media_type)
def test_formats_have_what_a_handler_needs(offer: Format) -> None:
    """# DALI-114, DALI-115: a VOTable and JSON tell errors behind the rows"""
    assert offer.tells_errors == (offer.extension in ("vot", "xml", "json"))
    assert offer.spooled == (offer.extension == "fits")
    encoder = offer.make()
    encoder.close()
    encoder.close()
