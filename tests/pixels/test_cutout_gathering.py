"""Boxes of images that are far: the same bytes as numpy takes, with few requests, and little read in vain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO
from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from vo_service.pixels.compute import writing
from vo_service.pixels.compute.unpacked import Requests
from vo_service.pixels.compute.writing import pieces_of
from vo_service.pixels.cutout import gathering
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.cutout.gathering import NEAR, cost_of
from vo_service.pixels.cutout.plan import Held, PlannedBytes, Stored
from vo_service.pixels.cutout.runs import Runs

OFFSET = 2880


class Far:
    """Bytes of which each read is noted; it gives at most so many at once."""

    name = "far.fits"

    def __init__(self, content: bytes, most: int = 1 << 30) -> None:
        self.content, self.size, self.most = content, len(content), most
        self.asked: list[int] = []

    def open(self) -> BinaryIO:
        return BytesIO(self.content)

    def read_at(self, offset: int, length: int) -> bytes:
        self.asked.append(length)
        return self.content[offset : offset + min(length, self.most)]

    def state(self) -> tuple[object, ...]:
        return (self.size,)


@contextmanager
def rules(near: int, most: int) -> Iterator[None]:
    with patch.object(gathering, "NEAR", near), patch.object(gathering, "_MOST", most):
        yield


@st.composite
def boxes(draw: st.DrawFn) -> tuple[tuple[int, ...], Box]:
    axes = tuple(draw(st.lists(st.integers(1, 9), min_size=1, max_size=4)))
    starts = [draw(st.integers(0, length - 1)) for length in axes]
    stops = [draw(st.integers(start + 1, length)) for start, length in zip(starts, axes, strict=True)]
    return axes, Box(tuple(zip(starts, stops, strict=True)))


@given(boxes(), st.integers(0, 200), st.integers(1, 400), st.data())
def test_any_part_of_a_box_is_what_numpy_takes(
    asked: tuple[tuple[int, ...], Box], near: int, most: int, data: st.DataObject
) -> None:
    axes, box = asked
    image = np.arange(np.prod(axes), dtype=">i4").reshape(axes[::-1])
    wanted = image[tuple(slice(*span) for span in box.spans[::-1])].tobytes()
    far = Far(bytes(OFFSET) + image.tobytes(), data.draw(st.sampled_from([7, 1 << 30])))
    runs = Runs.of(box, axes, 4, OFFSET)
    plan = PlannedBytes([Held(b"HEAD"), Stored(runs, Requests(far))], lambda: True, lambda: None)
    start = data.draw(st.integers(0, plan.size))
    length = data.draw(st.integers(0, plan.size))
    with rules(near, most):
        assert plan.read_at(start, length) == (b"HEAD" + wanted)[start : start + length]
        far.asked.clear()
        far.most = 1 << 30
        assert plan.read_at(4, plan.size) == wanted
    # what lies between is asked for only where that saves a request
    assert len(far.asked) <= runs.count
    assert sum(far.asked) <= runs.size + near * (runs.count - len(far.asked))
    assert max(far.asked) <= max(most, runs.length)


@given(boxes(), st.integers(0, 200), st.integers(1, 400), st.integers(1, 300))
def test_what_a_process_writes_of_a_box_asks_for_no_more(
    asked: tuple[tuple[int, ...], Box], near: int, most: int, step: int
) -> None:
    axes, box = asked
    image = np.arange(np.prod(axes), dtype=">i4").reshape(axes[::-1])
    far = Far(bytes(OFFSET) + image.tobytes())
    runs = Runs.of(box, axes, 4, OFFSET)
    with rules(near, most), patch.object(writing, "_STEP", step):
        content = b"".join(pieces_of(Stored(runs, Requests(far))))
    assert content == image[tuple(slice(*span) for span in box.spans[::-1])].tobytes()
    count = runs.count + runs.size // step  # a run may reach through two pieces
    assert len(far.asked) <= count
    assert sum(far.asked) <= runs.size + near * (count - len(far.asked))


def requests_of(axes: tuple[int, ...], box: Box) -> list[int]:
    far = Far(bytes(OFFSET + 4 * int(np.prod(axes))))
    runs = Runs.of(box, axes, 4, OFFSET)
    plan = PlannedBytes([Stored(runs, Requests(far))], lambda: True, lambda: None)
    assert plan.read_at(0, plan.size) == bytes(runs.size)
    planned = list(far.asked)
    far.asked.clear()
    assert b"".join(pieces_of(Stored(runs, Requests(far)))) == bytes(runs.size)
    assert far.asked == planned  # in a process as in the server
    return planned


def test_rows_that_lie_close_come_with_one_request_and_others_with_their_own() -> None:
    stamp = ((40, 60), (30, 50), (0, 2))
    # 20 rows of 400 bytes in one request of each plane: nothing like the whole plane
    assert requests_of((100, 1000, 2), Box(stamp)) == [19 * 400 + 80] * 2
    # small planes come together
    assert len(requests_of((100, 100, 2), Box(stamp))) == 1
    # rows further from each other than a request is worth: no byte in vain
    assert requests_of((20_000, 60, 2), Box(stamp)) == [80] * 40


def test_the_cost_of_a_block_tells_what_it_asks_for() -> None:
    planes = Runs.of(Box(((0, 100), (0, 100), (3, 5))), (100, 100, 10), 4, OFFSET)
    assert cost_of(planes, 1 << 40) == NEAR + 2 * 40_000
    spectrum = Runs.of(Box(((5, 6), (5, 6), (0, 3000))), (1000, 1000, 3000), 4, OFFSET)
    assert cost_of(spectrum, 1 << 40) == 3000 * (NEAR + 4)
    assert 1 << 20 <= cost_of(spectrum, 1 << 20) < (1 << 20) + 2 * NEAR
