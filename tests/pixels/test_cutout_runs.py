"""Where the bytes of a box lie: numpy's own slices are the judge."""

from __future__ import annotations

import io
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_service.pixels.cutout.box import Box
from vo_service.pixels.cutout.plan import Held, PlannedBytes, SourceChanged, Stored, padding_behind
from vo_service.pixels.cutout.runs import MOST_READ, Runs


@dataclass
class Counted:
    """Bytes in memory that count what is read of them."""

    content: bytes
    read: int = 0
    calls: int = 0
    places: list[int] = field(default_factory=list)

    def read_into(self, offset: int, view: memoryview) -> None:
        if offset + len(view) > len(self.content):
            raise OSError("beyond the end")
        view[:] = self.content[offset : offset + len(view)]
        self.read += len(view)
        self.calls += 1
        self.places.append(offset)


@st.composite
def images(draw: st.DrawFn) -> tuple[np.ndarray, Box, int]:
    """An image of up to five axes, a box in it, and where its data begin."""
    axes = draw(st.lists(st.integers(1, 7), min_size=1, max_size=5))
    spans = []
    for length in axes:
        start = draw(st.integers(0, length - 1))
        spans.append((start, draw(st.integers(start + 1, length))))
    dtype = draw(st.sampled_from([">u1", ">i2", ">i4", ">f4", ">f8"]))
    image = np.arange(np.prod(axes)).reshape(axes[::-1]).astype(dtype)
    return image, Box(tuple(spans)), draw(st.sampled_from([0, 2880, 17]))


def planned(image: np.ndarray, box: Box, offset: int) -> tuple[PlannedBytes, Counted, bytes]:
    axes = image.shape[::-1]
    source = Counted(b"\xff" * offset + image.tobytes() + b"\xee" * 10)
    runs = Runs.of(box, axes, image.dtype.itemsize, offset)
    wanted = image[tuple(slice(*span) for span in box.spans[::-1])].tobytes()
    head = b"HEAD" * 5
    segments = (Held(head), Stored(runs, source), padding_behind(runs.size))
    plan = PlannedBytes(segments, lambda: True, lambda: None)
    return plan, source, head + wanted + bytes(-len(wanted) % 2880)


@given(images())
def test_a_box_is_the_slice_that_numpy_makes(given_image: tuple[np.ndarray, Box, int]) -> None:
    plan, source, wanted = planned(*given_image)
    assert plan.size == len(wanted)
    assert plan.read_at(0, plan.size) == wanted
    image, box, offset = given_image
    runs = Runs.of(box, image.shape[::-1], image.dtype.itemsize, offset)
    assert runs.end <= offset + image.nbytes
    assert source.read <= MOST_READ * runs.size


@given(images(), st.data())
def test_any_part_is_that_part_of_the_whole(
    given_image: tuple[np.ndarray, Box, int], data: st.DataObject
) -> None:
    plan, _, wanted = planned(*given_image)
    for _ in range(3):
        start = data.draw(st.integers(0, len(wanted)))
        length = data.draw(st.integers(0, len(wanted)))
        assert plan.read_at(start, length) == wanted[start : start + length]


def test_rows_that_follow_each_other_closely_are_read_at_one_blow() -> None:
    image = np.zeros((100, 100), ">f4")
    plan, source, _ = planned(image, Box(((2, 98), (0, 100))), 0)
    plan.read_at(0, plan.size)
    assert source.calls == 1
    plan, source, _ = planned(image, Box(((10, 90), (0, 100))), 0)
    plan.read_at(0, plan.size)
    assert source.calls == 100 and source.read == 80 * 100 * 4


def test_whole_planes_are_one_run() -> None:
    runs = Runs.of(Box(((0, 64), (0, 32), (5, 9), (0, 1))), (64, 32, 10, 1), 4, 2880)
    assert (runs.count, runs.length, runs.offset) == (1, 64 * 32 * 4 * 4, 2880 + 5 * 64 * 32 * 4)


@pytest.mark.parametrize("spans", [((0, 5), (0, 3)), ((0, 4),), ((0, 4), (0, 4))])
def test_a_box_outside_is_refused(spans: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(ValueError, match="does not lie within"):
        Runs.of(Box(spans), (4, 3), 4, 0)


@pytest.mark.parametrize("span", [(3, 3), (-1, 2), (4, 1)])
def test_a_box_keeps_something(span: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="at least one pixel"):
        Box((span,))


def test_nothing_is_handed_out_of_a_source_that_changed() -> None:
    state = io.BytesIO()
    source = Counted(bytes(100))
    segments = (Stored(Runs(0, 10, (), ()), source),)
    plan = PlannedBytes(segments, lambda: not state.getvalue(), lambda: None)
    assert plan.read_at(0, 5) == bytes(5)
    state.write(b"x")
    with pytest.raises(SourceChanged):
        plan.read_at(5, 5)
