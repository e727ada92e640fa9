"""Addresses of PostgreSQL: those that libpq takes apart otherwise than meant are refused, unrepeated."""

from __future__ import annotations

import pytest

from vo_service.engines import EngineDown, PostgreSQLEngine
from vo_service.engines.postgresql_session import address_of, shown
from vo_service.settings import Settings, SettingsError, postgresql_address

PASSWORD = "c4f3"  # any word that messages must not hold
AMBIGUOUS = [
    f"postgresql://vo:se/{PASSWORD}@db.example.org/vo",
    f"postgresql://vo:se?{PASSWORD}@db.example.org/vo",
    f"postgresql://vo:se#{PASSWORD}@db.example.org/vo",
    f"postgresql://vo:se@{PASSWORD}@db.example.org/vo",
    f"postgresql://vo:{PASSWORD}%zz@db.example.org/vo",
    f"postgresql://vo:{PASSWORD}%00@db.example.org/vo",
    f"postgresql://vo:{PASSWORD}",
    f"postgresql://vo:se/x?y={PASSWORD}@db.example.org/vo",
    f"postgresql://vo@db.example.org:{PASSWORD}/vo",
    f"postgresql://vo:1 {PASSWORD}@db.example.org/vo",
    f"postgresql://vo@db.example.org/vo#{PASSWORD}",
    f"postgresql://vo@db.example.org/vo?password={PASSWORD}&",
    f"host=db.example.org password={PASSWORD}",
]
PLAIN = [
    (f"postgresql://vo:{PASSWORD}:%2F=&[,@db.example.org:5433/vo", "vo on db.example.org:5433"),
    (f"postgres://vo:{PASSWORD}@[::1]:5432,other/vo?sslmode=require", "vo on [::1]:5432,other"),
    (f"postgresql:///vo?host=%2Ftmp&user=vo&password={PASSWORD}", "vo on /tmp"),
    ("postgresql://db.example.org", "the default database on db.example.org"),
    ("postgresql://", "the default database on this machine"),
]


@pytest.mark.parametrize("address", AMBIGUOUS)
def test_an_ambiguous_address_is_refused_and_shown_nowhere(address: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.load(environ={"VO_SERVICE_POSTGRESQL_URL": address})
    assert PASSWORD not in str(caught.value)
    assert "%2F" in str(caught.value)
    assert shown(address) == "an address that cannot be read"
    with pytest.raises(EngineDown) as down:  # nor by the driver, which repeats what it cannot read
        PostgreSQLEngine(address, {})
    assert PASSWORD not in str(down.value)


@pytest.mark.parametrize(("address", "place"), PLAIN)
def test_a_plain_address_is_shown_without_what_is_secret(address: str, place: str) -> None:
    assert postgresql_address(address) == address
    assert shown(address) == shown(address_of(address, {"work_mem": "4MB"})) == place
