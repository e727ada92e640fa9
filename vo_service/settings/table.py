"""Everything an operator can set, in one table.

A setting is a field of `Settings`: its default, its parser and its help stand beside it, and `SETTINGS` is
read off those fields, so there is no second list.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from vo_service.settings.loading import Loader
from vo_service.settings.parsers import (
    authority_name,
    boolean,
    byte_size,
    byte_size_from,
    choice,
    days,
    directory,
    host_patterns,
    http_url,
    integer,
    optional_file,
    optional_text,
    postgresql_address,
    resolver_address,
    seconds,
    text,
    words,
)
from vo_service.settings.setting import Setting, SettingsError, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings of one service, read once by `Settings.load` and handed in."""

    home: Path = setting(  # noqa: RUF009  (a Path is immutable)
        "./vo-home", directory, "directory of all state: catalogue, snapshots, logs"
    )
    engine: str = setting(
        "duckdb", choice("duckdb", "postgresql"), "database engine that answers queries: duckdb or postgresql"
    )
    postgresql_url: str | None = setting(
        "",
        postgresql_address,
        "address of the database for the engine postgresql, as its owner: loads snapshots",
    )
    postgresql_reader_url: str | None = setting(
        "", postgresql_address, "the same as the role that may only read: runs queries"
    )
    postgresql_connections: int = setting(
        "0",
        integer(0, 1024),
        "connections to PostgreSQL that one server process has for queries and jobs, besides one for its"
        " health; 0: as many as queries and job_slots together",
    )
    catalogue_url: str | None = setting(
        "", optional_text, "SQLAlchemy URL of the catalogue database; empty: SQLite under HOME"
    )
    base_url: str | None = setting(
        "", http_url, "public address of the service, for links; empty: the address the client came by"
    )
    trust_proxy: bool = setting(
        "false",
        boolean,
        "believe the headers of a proxy (X-Forwarded-*, X-Request-Id): address of the service and of the"
        " client, whether it came by https; nobody else may reach the port then",
    )
    authority: str = setting(
        "vo-service.invalid",
        authority_name,
        "IVOA authority of the dataset identifiers; fixed at the first ingest",
    )
    unlisted: str = setting(
        "closed",
        choice("closed", "open"),
        "whether files without an archive row are public (open) or not (closed)",
    )
    redshifts: Path | None = setting(  # noqa: RUF009  (a Path is immutable)
        "",
        optional_file,
        "table of targets and their redshifts, for line candidates: columns target, redshift and, where"
        " wanted, reference (CSV, ECSV, VOTable, Parquet)",
    )
    requested: Path | None = setting(  # noqa: RUF009
        "",
        optional_file,
        "table of the noise and beam that observers asked for, for QA2 criteria: columns in docs/lines.md",
    )
    resolver_url: str | None = setting(
        "",
        resolver_address,
        "Sesame service that source('NAME') asks for names that the holdings do not know; the name is put"
        " behind this address; empty: none",
    )
    auth: str = setting(
        "auto",
        choice("auto", "anonymous", "optional", "required"),
        "who may ask: anonymous (tokens are refused), optional, required (everybody needs a token), or auto:"
        " optional as soon as there is a token",
    )
    challenges: tuple[str, ...] = setting(
        "Basic, Bearer", words("Basic", "Bearer", "ivoa_bearer"), "how clients are asked for a token"
    )
    plain_http_tokens: bool = setting(
        "false", boolean, "take tokens that come over plain http from other machines"
    )
    host: str = setting("127.0.0.1", text, "address to listen at; 0.0.0.0 for all")
    port: int = setting("8000", integer(0, 65535), "port to listen at; 0 for any free one")
    workers: int = setting("2", integer(1, 256), "server processes")
    queries: int = setting("8", integer(1, 1024), "queries that one server process runs at a time")
    queries_queued: int = setting(
        "64",
        integer(0, 65536),
        "queries that wait for their turn in one server process; 429 beyond them, and beyond 512 different"
        " clients at a time in it",
    )
    queries_per_client: int = setting(
        "64",
        integer(1, 65536),
        "queries that one client has running or waiting in all processes; 429 beyond them",
    )
    queue_seconds: float = setting("20", seconds, "seconds that a query waits for its turn before 503")
    maxrec_default: int = setting("100000", integer(1, 2**62), "rows given when MAXREC is not")
    maxrec_hard: int = setting("10000000", integer(1, 2**62), "rows given at most, whatever MAXREC says")
    query_seconds: float = setting("300", seconds, "seconds that one query may run")
    probe_rows: int = setting(
        "2000000", integer(1, 2**40), "different positions or shapes that a query may have tested one by one"
    )
    probe_pairs: int = setting(
        "5000000", integer(1, 2**40), "pairs of positions or shapes that a query may have tested one by one"
    )
    memory_bytes: int = setting(
        "192MiB",
        byte_size,
        "memory for queries in one process: of DuckDB for all of them, and as much again for one that "
        "found too little beside others; of PostgreSQL for eight sorts",
    )
    query_characters: int = setting("100000", integer(100, 10**6), "length of a query at most")
    job_slots: int = setting(
        "4", integer(0, 1024), "asynchronous jobs that one server process runs at a time"
    )
    jobs_directory: Path | None = setting(  # noqa: RUF009
        "",
        optional_file,
        "directory of uploads and results of jobs, which all hosts of a service share, and no other service;"
        " empty: HOME/jobs",
    )
    jobs_per_client: int = setting(
        "50", integer(1, 10**6), "jobs that one client may have waiting or running; 429 beyond them"
    )
    jobs_kept_per_client: int = setting(
        "10000", integer(1, 10**9), "jobs that one client may have in all, ended ones too; 429 beyond them"
    )
    job_bytes_per_client: int = setting(
        "50GiB",
        byte_size,
        "size of uploads and results of a client's jobs beyond which it gets no more of them (429)",
    )
    job_seconds_default: float = setting("3600", seconds, "seconds that a job may run where it asks for none")
    job_seconds_hard: float = setting("14400", seconds, "seconds that a job may run, whatever it asks for")
    job_days_default: float = setting(
        "7", days, "days that a job and its result are kept where it asks for none"
    )
    job_days_hard: float = setting("30", days, "days that a job and its result are kept at most")
    result_bytes: int = setting("10GiB", byte_size, "size of the result of a job at most")
    spool_bytes: int = setting(
        "2GiB",
        byte_size,
        "size of an answer that waits on disk for a slow reader, at most; and of the rows, packed, that a"
        " FITS answer puts aside until its end: refused beyond it",
    )
    spool_total_bytes: int = setting(
        "20GiB",
        byte_size,
        "size of all answers that wait on disk for slow readers in one server process; what FITS answers"
        " put aside comes on top",
    )
    stall_seconds: float = setting(
        "30", seconds, "seconds that an answer waits for a reader who takes nothing while its spool is full"
    )
    upload_bytes: int = setting("256MiB", byte_size, "size of all uploaded tables of a request")
    upload_rows: int = setting("1000000", integer(1, 2**40), "rows of an uploaded table")
    upload_tables: int = setting("10", integer(0, 1000), "uploaded tables of a request; 0: no uploads")
    upload_hosts: tuple[str, ...] = setting(
        "",
        host_patterns,
        "hosts that uploads by http(s) address may come from, such as data.example.org, *.example.org;"
        " empty: none; private addresses are refused whatever their names",
    )
    upload_private: bool = setting(
        "false", boolean, "uploads may come from private addresses too: for tests on one machine"
    )
    body_bytes: int = setting("16MiB", byte_size, "size of a request's body at most")
    digest_bytes: int = setting(
        "64MB",
        byte_size,
        "files up to this size are digested before their first answer, larger ones behind it",
    )
    cut_slots: int = setting(
        "2",
        integer(1, 256),
        "results of cut-outs and previews that one server process computes at a time; what is sent from a"
        " file as it lies there needs none",
    )
    cuts_queued: int = setting(
        "64", integer(0, 65536), "results that wait to be computed in one server process; 429 beyond them"
    )
    cuts_per_client: int = setting(
        "16",
        integer(1, 65536),
        "results that one client has being computed, or waiting for it, in all processes; 429 beyond them",
    )
    cut_seconds: float = setting("300", seconds, "seconds that computing one result may take")
    cut_memory_bytes: int = setting("1GiB", byte_size, "memory that computing one result may take")
    cut_bytes: int = setting(
        "4GiB", byte_size, "size of a computed result at most; what is sent as it lies there has no limit"
    )
    cache_bytes: int = setting(
        "10GiB", byte_size, "size of all computed results that are kept for the next who asks for them"
    )
    bulk_rows: int = setting(
        "100000", integer(1, 10_000_000), "rows of a table of cut-outs; never more than upload_rows"
    )
    bulk_cuts: int = setting(
        "200000",
        integer(1, 10_000_000),
        "cut-outs of one table, over all its rows and the data sets that each is cut from",
    )
    bulk_matches: int = setting(
        "100", integer(1, 10_000), "data sets that one row of a table is cut from where MOST is not given"
    )
    bulk_part_bytes: int = setting(
        "1GiB",
        byte_size_from(1 << 20),
        "size after which the next tar of cut-outs begins where PARTSIZE is not given, 1MiB at least",
    )
    package_files: int = setting("10000", integer(1, 1_000_000), "files of one package at most")
    package_bytes: int = setting("2048GiB", byte_size, "size of one package at most")
    ingest_workers: int = setting(
        "0", integer(0, 1024), "processes that read files during ingest; 0: one per core"
    )
    pixel_bytes: int = setting(
        "32GiB", byte_size, "size of the pixels of one image, unpacked, up to which they are measured"
    )
    pixel_seconds: float = setting("3600", seconds, "seconds that measuring one image may take")
    moc_footprints: int = setting(
        "100000",
        integer(1, 10_000_000),
        "different footprints of the data sets that an answer has whose coverage map is asked for (/moc?...)",
    )
    hips_engine: str = setting(
        "auto",
        choice("auto", "reproject", "hipsgen"),
        "what brings images onto the tiles of trees: reproject, the library; hipsgen, the CDS's tool in Java;"
        " auto: the first of them that is there",
    )
    hips_processes: int = setting(
        "0", integer(0, 1024), "processes that make tiles of image trees; 0: one per core"
    )
    hips_map_bytes: int = setting(
        "32GiB",
        byte_size,
        "size of the pixels, unpacked, up to which a map for image trees is made of them: of a cube those of"
        " the channels that it is made over",
    )
    hips_map_seconds: float = setting("3600", seconds, "seconds that reading one such map may take")
    hips_plane_pixels: int = setting(
        "67108864",
        integer(1, 2**31),
        "pixels that a plane of a data set may have, whose own tree is made when somebody asks for it",
    )
    hips_listed: int = setting(
        "1000",
        integer(0, 10_000),
        "public data sets, 10000 at most, whose own trees are in /hips/hipslist, the newest releases first;"
        " 0: none",
    )
    hipsgen_jar: Path | None = setting(  # noqa: RUF009
        "",
        optional_file,
        "where hipsgen is, a jar of Aladin; empty: Debian's, else one in a directory of PATH",
    )
    hipsgen_memory: int = setting("1GiB", byte_size, "memory that hipsgen may take")
    log_format: str = setting("text", choice("text", "json"), "lines of the log: text or json")
    metrics: str = setting(
        "loopback",
        choice("on", "off", "loopback"),
        "who may read /metrics: all (on), nobody (off), or this machine (loopback)",
    )
    title: str = setting("A Virtual Observatory service", text, "name of the service, for registries")
    description: str = setting(
        "Images and cubes of an archive, found by physical parameters.",
        text,
        "what the service holds, for registries",
    )
    publisher: str | None = setting("", optional_text, "organisation that runs the service, for registries")
    contact_name: str | None = setting("", optional_text, "person or desk to ask about the service")
    contact_email: str | None = setting("", optional_text, "address of that person or desk")
    citation: str | None = setting(
        "",
        optional_text,
        "how to cite the holdings (a sentence, a DOI or a bibcode); stands in answers whose format has a"
        " place for it",
    )
    rights_uri: str | None = setting("", optional_text, "address of the licence of the data, for registries")
    wait_seconds: float = setting(
        "600", seconds, "seconds that an ingest or harvest waits for another to end"
    )
    keep: int = setting("3", integer(1, 10000), "snapshots kept after an ingest or harvest")

    @property
    def catalogue_address(self) -> str:
        """SQLAlchemy URL of the catalogue database, the one under HOME where none is set."""
        return self.catalogue_url or f"sqlite:///{self.home / 'catalogue.sqlite'}"

    @classmethod
    def load(
        cls,
        home: Path | None = None,
        environ: Mapping[str, str] | None = None,
        overrides: Mapping[str, str] | None = None,
        defaults: Mapping[str, str] | None = None,
    ) -> Settings:
        """Read the settings of a service.

        ``home`` and ``overrides`` come from the command line; ``environ`` is the process's own by default.
        ``defaults`` stand in for those of the table (the demo is open where others are closed).
        Raises SettingsError for an unknown name or a value that cannot be read, naming where it was given.
        """
        settings = cls(**Loader(SETTINGS).load(home, environ, overrides, defaults))
        settings._check()
        return settings

    def _check(self) -> None:
        """Raises SettingsError where one setting does not go with another."""
        for low, high in (
            ("maxrec_default", "maxrec_hard"),
            ("job_seconds_default", "job_seconds_hard"),
            ("job_days_default", "job_days_hard"),
        ):
            if getattr(self, low) > getattr(self, high):
                raise SettingsError(
                    "settings", low, f"{low} is above {high}; lower the one or raise the other"
                )
        if self.engine != "postgresql":
            return
        for name in ("postgresql_url", "postgresql_reader_url"):
            if getattr(self, name) is None:
                raise SettingsError(
                    "settings", name, f"the engine postgresql wants {name}; docs/operations.md says how"
                )
        if self.postgresql_url == self.postgresql_reader_url:
            raise SettingsError(
                "settings",
                "postgresql_reader_url",
                "postgresql_reader_url is postgresql_url: queries must not run as the owner of the tables",
            )


SETTINGS: tuple[Setting, ...] = tuple(
    Setting(
        declared.name, declared.metadata["default"], declared.metadata["parse"], declared.metadata["help"]
    )
    for declared in fields(Settings)
)
