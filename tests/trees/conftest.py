"""Holdings with an image tree, made once."""

from __future__ import annotations

import pytest
from tree_house import TreeHouse, make_house


@pytest.fixture(scope="session")
def made_trees(tmp_path_factory: pytest.TempPathFactory) -> TreeHouse:
    """Not to be changed, but that tokens are given."""
    return make_house(tmp_path_factory.mktemp("trees"))
