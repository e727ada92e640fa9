"""Tables of the catalogue database for jobs, the workers that run them, tokens, and registry records."""

from __future__ import annotations

import sqlalchemy as sa

from vo_service.store.catalogue_tables import METADATA

job = sa.Table(
    "job",
    METADATA,
    sa.Column("job_id", sa.String(32), primary_key=True),
    sa.Column("service", sa.String(32), nullable=False),
    sa.Column("owner", sa.Text, nullable=True),  # subject of the token; null for anonymous ones
    sa.Column("scopes", sa.Text, nullable=False, default=""),  # rights of the token at the creation
    sa.Column("client", sa.String(32), nullable=False),  # who is counted against limits
    sa.Column("run_id", sa.Text, nullable=True),
    sa.Column("phase", sa.String(12), nullable=False),
    sa.Column("created", sa.DateTime, nullable=False),
    sa.Column("started", sa.DateTime, nullable=True),
    sa.Column("ended", sa.DateTime, nullable=True),
    sa.Column("destruction", sa.DateTime, nullable=False, index=True),
    sa.Column("duration", sa.BigInteger, nullable=False),  # seconds
    sa.Column("snapshot", sa.BigInteger, nullable=True),
    sa.Column("worker", sa.String(32), nullable=True, index=True),
    sa.Column("attempt", sa.Integer, nullable=False, default=0),  # how often a worker took it
    sa.Column("deaths", sa.Integer, nullable=False, default=0),  # how many of them ended without a word
    sa.Column("version", sa.BigInteger, nullable=False, default=1),  # one more by every change
    sa.Column("error_kind", sa.String(9), nullable=True),  # fatal, transient
    sa.Column("error_message", sa.Text, nullable=True),
    sa.Column("error_status", sa.Integer, nullable=True),  # of HTTP, that the error would have had in sync
    sa.Column("bytes", sa.BigInteger, nullable=False, default=0),  # of its uploads and results
    sa.Column("request_id", sa.String(64), nullable=True),
    sa.Column(
        "base_url", sa.Text, nullable=False
    ),  # the address that the client came by, for links in results
    sa.Index("job_by_phase", "phase", "created"),
    sa.Index("job_by_owner", "owner", "created"),
    sa.Index("job_by_client", "client", "phase"),
)
job_parameter = sa.Table(
    "job_parameter",
    METADATA,
    sa.Column("job_id", sa.ForeignKey("job.job_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("value", sa.Text, nullable=False),
)
job_upload = sa.Table(
    "job_upload",
    METADATA,
    sa.Column("job_id", sa.ForeignKey("job.job_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("part", sa.Text, primary_key=True),  # name of the part in the form that brought it
    sa.Column("file", sa.String(200), nullable=False),
    sa.Column("media_type", sa.Text, nullable=True),
    sa.Column("size", sa.BigInteger, nullable=False),
)
job_result = sa.Table(
    "job_result",
    METADATA,
    sa.Column("job_id", sa.ForeignKey("job.job_id", ondelete="CASCADE"), primary_key=True),
    sa.Column("position", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("result_id", sa.String(200), nullable=False),
    sa.Column("file", sa.String(200), nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("etag", sa.String(80), nullable=False),
)
worker = sa.Table(
    "worker",
    METADATA,
    sa.Column("worker_id", sa.String(32), primary_key=True),
    sa.Column("host", sa.String(200), nullable=False),
    sa.Column("pid", sa.BigInteger, nullable=False),
    sa.Column("started", sa.BigInteger, nullable=False),
    sa.Column("heartbeat", sa.Float(53), nullable=False),  # seconds since 1970
)
token = sa.Table(
    "token",
    METADATA,
    sa.Column("token_id", sa.String(16), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),  # SHA-256 of the secret part, hexadecimal
    sa.Column("subject", sa.Text, nullable=False, index=True),
    sa.Column("scopes", sa.Text, nullable=False),  # with blanks between
    sa.Column("created", sa.DateTime, nullable=False),
    sa.Column("expires", sa.DateTime, nullable=True),
    sa.Column("revoked", sa.DateTime, nullable=True),
    sa.Column("parent", sa.String(16), nullable=True, index=True),  # the token of the login that made it
)
record = sa.Table(
    "record",
    METADATA,
    sa.Column("ivoid", sa.String(300), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False),  # of all that it says but its own dates
    sa.Column("created", sa.DateTime, nullable=False),
    sa.Column("datestamp", sa.DateTime, nullable=False, index=True),
    sa.Column("deleted", sa.Boolean, nullable=False),
    sa.Column("document", sa.Text, nullable=False),
)
