"""Which tiles are leaves, against the rule written down for single cells."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from hips.images.depth import Extent, leaves_of


@st.composite
def extents(draw: st.DrawFn) -> Extent:
    order = draw(st.integers(3, 6))
    near = draw(st.sampled_from([0, 100, 700])) << 2 * (order - 3)
    cells = draw(st.sets(st.integers(near, near + 40), min_size=1, max_size=12))
    return Extent(order, np.array(sorted(cells)))


def touches(extent: Extent, order: int, cell: int) -> bool:
    """Whether a field touches a cell: in cells of the coarser of the two orders."""
    if order <= extent.order:
        return bool((extent.cells >> 2 * (extent.order - order) == cell).any())
    return cell >> 2 * (order - extent.order) in extent.cells


@settings(max_examples=80)
@given(st.lists(extents(), max_size=5))
def test_leaves_are_those_of_the_rule(fields):
    leaves = list(leaves_of(fields))
    starts = [leaf.cell << 2 * (29 - leaf.order) for leaf in leaves]
    stops = [leaf.cell + 1 << 2 * (29 - leaf.order) for leaf in leaves]
    assert all(stop <= start for stop, start in zip(stops, starts[1:]))  # none inside another, in order
    for leaf in leaves:
        held = [number for number, field in enumerate(fields) if touches(field, leaf.order, leaf.cell)]
        assert list(leaf.fields) == held != []
        assert all(fields[number].order <= leaf.order for number in held)
        # and its parent is none: some field there needs more
        parent = leaf.order - 1, leaf.cell >> 2
        assert any(field.order >= leaf.order and touches(field, *parent) for field in fields)
    for number, field in enumerate(fields):
        # every cell of every field is under a leaf with it, or in leaves below
        for cell in field.cells.tolist():
            start = cell << 2 * (29 - field.order)
            stop = cell + 1 << 2 * (29 - field.order)
            inside = [leaf for leaf, at in zip(leaves, starts) if start <= at < stop]
            assert inside
            assert any(number in leaf.fields for leaf in inside)


def test_no_field_no_leaf():
    assert list(leaves_of([])) == []
