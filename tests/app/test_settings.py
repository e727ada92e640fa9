"""Settings: where they come from, which one holds, and what is said of a wrong one."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from vo_service.settings import FILE_NAME, SETTINGS, Settings, SettingsError


def load(home: Path, environ: dict[str, str] | None = None, **overrides: str) -> Settings:
    return Settings.load(home=home, environ=environ or {}, overrides=overrides)


def test_defaults_hold_where_nothing_is_given(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.home == tmp_path
    assert (settings.unlisted, settings.port, settings.engine) == ("closed", 8000, "duckdb")
    assert settings.catalogue_address == f"sqlite:///{tmp_path}/catalogue.sqlite"


def test_home_is_here_by_default_and_can_come_from_the_environment(tmp_path: Path) -> None:
    assert Settings.load(environ={}).home == Path("vo-home")
    assert Settings.load(environ={"VO_SERVICE_HOME": str(tmp_path)}).home == tmp_path
    assert Settings.load(home=Path("x"), environ={"VO_SERVICE_HOME": str(tmp_path)}).home == Path("x")


def test_the_command_line_holds_over_the_environment_over_the_file(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('port = 1001\nworkers = 3\nunlisted = "open"\ntrust_proxy = true\n')
    settings = load(tmp_path, {"VO_SERVICE_PORT": "1002", "VO_SERVICE_WORKERS": "4"}, port="1003")
    assert (settings.port, settings.workers, settings.unlisted, settings.trust_proxy) == (
        1003,
        4,
        "open",
        True,
    )


def test_the_file_of_the_home_given_by_the_environment_is_read(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("port = 1001\n")
    assert Settings.load(environ={"VO_SERVICE_HOME": str(tmp_path)}).port == 1001


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("prot = 1", ("'prot'", "port", FILE_NAME)),
        ("home = '/x'", ("--home",)),
        ("port = \nx = 1", ("not valid TOML", "line 1")),
        ("port = [1]", ("port wants",)),
        ("port = 'x'", ("whole number", "'x'", "port")),
        ("port = 70000", ("0 to 65535", "70000")),
        ("[tap]\nmaxrec = 1", ("'tap'",)),
        ("unlisted = 'maybe'", ("closed, open",)),
        ("memory_bytes = 'lots'", ("512MB",)),
        ("base_url = 'archive.example.org'", ("https://archive.example.org/vo",)),
        ("query_seconds = -1", ("seconds from 0 to 1000000000",)),
        ("authority = 'a b'", ("archive.example.org",)),
        ("trust_proxy = 'perhaps'", ("true or false",)),
        ("maxrec_default = 20000000", ("maxrec_hard",)),
    ],
)
def test_a_wrong_line_in_the_file_is_named_with_what_would_be_right(
    tmp_path: Path, content: str, words: tuple[str, ...]
) -> None:
    (tmp_path / FILE_NAME).write_text(content)
    with pytest.raises(SettingsError) as caught:
        load(tmp_path)
    for word in words:
        assert word in str(caught.value)


def test_a_misspelt_variable_is_an_error_and_foreign_ones_are_not(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"VO_SERVICE_UNLISTD.*near it: unlisted"):
        load(tmp_path, {"VO_SERVICE_UNLISTD": "open"})
    load(tmp_path, {"VO_SERVICE_TEST_DATA": "x", "VO_SERVICE_REQUIRE_JUDGES": "1", "OTHER": "y"})


@pytest.mark.parametrize(
    ("text", "size"), [("1024", 1024), ("2 GiB", 2**31), ("1.5kB", 1500), ("512MB", 512 * 10**6)]
)
def test_sizes_may_bear_a_unit(tmp_path: Path, text: str, size: int) -> None:
    assert load(tmp_path, memory_bytes=text).memory_bytes == size


def test_a_base_url_loses_its_last_slash(tmp_path: Path) -> None:
    assert load(tmp_path, base_url="https://a.example.org/vo/").base_url == "https://a.example.org/vo"


def test_every_setting_has_a_help_and_a_default_that_parses() -> None:
    assert [setting.name for setting in SETTINGS] == [field.name for field in fields(Settings)]
    for setting in SETTINGS:
        assert setting.help
        assert setting.parse(setting.default) == getattr(Settings(), setting.name)


def test_a_command_may_have_defaults_of_its_own_which_anything_given_beats(tmp_path: Path) -> None:
    defaults = {"home": str(tmp_path), "unlisted": "open"}
    assert Settings.load(environ={}, defaults=defaults).unlisted == "open"
    assert Settings.load(environ={}, defaults=defaults).home == tmp_path
    assert Settings.load(environ={"VO_SERVICE_UNLISTED": "closed"}, defaults=defaults).unlisted == "closed"
    (tmp_path / FILE_NAME).write_text("unlisted = 'closed'\n")
    assert Settings.load(environ={}, defaults=defaults).unlisted == "closed"


OWNER, READER = "postgresql://vo_owner@db/vo", "postgresql://vo_reader@db/vo"


def test_postgresql_wants_an_owner_and_a_reader(tmp_path: Path) -> None:
    given = {"VO_SERVICE_ENGINE": "PostgreSQL"}
    with pytest.raises(
        SettingsError, match=r"the engine postgresql wants postgresql_url; docs/operations\.md"
    ):
        load(tmp_path, given)
    given["VO_SERVICE_POSTGRESQL_URL"] = OWNER
    with pytest.raises(SettingsError, match="the engine postgresql wants postgresql_reader_url"):
        load(tmp_path, given)
    given["VO_SERVICE_POSTGRESQL_READER_URL"] = OWNER
    with pytest.raises(SettingsError, match="queries must not run as the owner"):
        load(tmp_path, given)
    given["VO_SERVICE_POSTGRESQL_READER_URL"] = READER
    settings = load(tmp_path, given)
    assert (settings.engine, settings.postgresql_url, settings.postgresql_reader_url) == (
        "postgresql",
        OWNER,
        READER,
    )
    assert settings.postgresql_connections == 0
    assert load(tmp_path, {"VO_SERVICE_POSTGRESQL_URL": OWNER}).engine == "duckdb"  # and no mistake


def test_a_wrong_address_of_a_database_is_told_without_its_password(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="VO_SERVICE_POSTGRESQL_URL: an address such as") as caught:
        load(tmp_path, {"VO_SERVICE_POSTGRESQL_URL": "mysql://vo:s3cret@db/vo"})
    assert "s3cret" not in str(caught.value)
