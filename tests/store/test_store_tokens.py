"""Tokens in the catalogue database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from vo_service.store import Catalogue, CatalogueError
from vo_service.store.tokens import StoredToken, TokenTable

NOW = datetime(2027, 3, 1, 12, 0, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def catalogue(catalogue_url: str) -> Iterator[Catalogue]:
    opened = Catalogue.open(catalogue_url)
    yield opened
    opened.close()


def stored(token_id: str, expires: datetime | None = None, parent: str | None = None) -> StoredToken:
    return StoredToken(
        token_id, "d" * 64, "ann", frozenset(("read:all",)), NOW - HOUR, expires, parent=parent
    )


def test_what_was_stored_comes_back(catalogue: Catalogue) -> None:
    table = TokenTable(catalogue)
    tokens = (stored("a" * 12), stored("b" * 12, NOW + HOUR))
    for each in tokens:
        table.add(each)
    assert table.listed() == tokens
    assert set(table.live(NOW)) == set(tokens)


def test_expired_and_revoked_ones_are_not_live_and_stay_listed(catalogue: Catalogue) -> None:
    # AUTH-055
    table = TokenTable(catalogue)
    table.add(stored("a" * 12, NOW + HOUR))
    table.add(stored("b" * 12))
    assert [each.token_id for each in table.live(NOW + HOUR)] == ["b" * 12]  # that very moment is past
    assert table.revoke("b" * 12, NOW)
    assert not table.revoke("b" * 12, NOW)
    assert not table.revoke("c" * 12, NOW)
    assert table.live(NOW + HOUR) == ()
    assert [each.revoked for each in table.listed()] == [None, NOW]
    assert not any(each.is_live(NOW + HOUR) for each in table.listed())


def test_tokens_of_a_login_go_with_the_token_that_made_them(catalogue: Catalogue) -> None:
    table = TokenTable(catalogue)
    table.add(stored("a" * 12))
    table.add(stored("b" * 12, NOW + HOUR, parent="a" * 12))
    table.revoke("a" * 12, NOW)
    assert table.live(NOW) == ()


def test_expired_tokens_of_logins_are_swept(catalogue: Catalogue) -> None:
    table = TokenTable(catalogue)
    table.add(stored("a" * 12, NOW - 2 * HOUR))
    table.add(stored("b" * 12, NOW - 2 * HOUR, parent="a" * 12))
    table.add(stored("c" * 12))
    assert [each.token_id for each in table.listed()] == ["a" * 12, "c" * 12]


def test_a_catalogue_that_is_gone_is_an_error_of_its_own(catalogue: Catalogue) -> None:
    with catalogue.writing() as connection:
        connection.exec_driver_sql("DROP TABLE token")
    with pytest.raises(CatalogueError):
        TokenTable(catalogue).live(NOW)
