"""Every format: pieces made by many threads in any order are the same bytes; what outcomes may be told."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest
from every_type import EVERY_TYPE, batch_of
from votables import column

from vo_service.formats import FORMATS, OK, Format, TableDescription

COLUMNS = tuple(one for one, _ in EVERY_TYPE)
SIZES = range(5, 200, 17)
BATCHES = [
    batch_of(*((one, (values * (1 + size % 3) * 40)[:size]) for one, values in EVERY_TYPE)) for size in SIZES
]


@pytest.mark.parametrize("offer", FORMATS, ids=lambda offer: offer.media_type)
def test_pieces_may_be_made_at_the_same_time(offer: Format) -> None:
    """As the encoder's contract says: `piece` from any thread, `join` in the order of the rows."""
    one_thread = offer.make()
    wanted = list(one_thread.begin(TableDescription(COLUMNS)))
    for batch in BATCHES:
        wanted += one_thread.rows(batch)
    wanted += one_thread.end(OK)

    encoder = offer.make()
    parts = list(encoder.begin(TableDescription(COLUMNS)))
    order = list(range(len(BATCHES)))
    random.Random(1).shuffle(order)
    with ThreadPoolExecutor(4) as threads:
        making = {number: threads.submit(encoder.piece, BATCHES[number]) for number in order}
    parts += [encoder.join(making[number].result()) for number in range(len(BATCHES))]
    parts += encoder.end(OK)
    encoder.close()
    assert b"".join(parts) == b"".join(wanted)
    assert encoder.replaced == one_thread.replaced


@pytest.mark.parametrize("offer", FORMATS, ids=lambda offer: offer.media_type)
def test_batches_are_joined_as_one(offer: Format) -> None:
    """However rows are cut into batches: the same table (Parquet apart, which has its row groups)."""
    n, s = column("n", "long"), column("s", "char", "*")
    whole = batch_of((n, list(range(300))), (s, [f"text {i}" for i in range(300)]))

    def encoded(batches: list[pa.RecordBatch]) -> bytes:
        encoder = offer.make()
        parts = list(encoder.begin(TableDescription((n, s))))
        for batch in batches:
            parts += encoder.rows(batch)
        return b"".join([*parts, *encoder.end(OK)])

    assert encoded([whole]) == encoded([whole.slice(0, 1), whole.slice(1, 200), whole.slice(201)])


@pytest.mark.parametrize("offer", FORMATS, ids=lambda offer: offer.media_type)
def test_formats_have_what_a_handler_needs(offer: Format) -> None:
    """# DALI-114, DALI-115: a VOTable and JSON tell errors behind the rows, FITS and Parquet a cut only"""
    told = {"vot": 3, "xml": 3, "json": 3, "fits": 2, "parquet": 2, "csv": 0, "tsv": 0}
    assert len(offer.outcomes) == told[offer.extension]
    assert ("ERROR" in offer.outcomes) == (told[offer.extension] == 3)
    assert offer.spooled == (offer.extension == "fits")
    encoder = offer.make()
    assert encoder.replaced == 0
    encoder.close()
    encoder.close()
