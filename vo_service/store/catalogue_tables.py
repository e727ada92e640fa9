"""Tables of the catalogue database for snapshots, leases, runs, roots and settings that must not change."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()

setting = sa.Table(
    "setting",
    METADATA,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
root = sa.Table(
    "root",
    METADATA,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("path", sa.Text, nullable=False),
)
snapshot = sa.Table(
    "snapshot",
    METADATA,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("state", sa.String(16), nullable=False),  # published, dropped
    sa.Column("created", sa.String(32), nullable=False),
)
pointer = sa.Table(
    "pointer",
    METADATA,
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=True),
)
CURRENT = sa.select(pointer.c.number).where(pointer.c.name == "current")
"""Asks for the number of the current snapshot, null before the first. Whoever takes a lease, or drops
snapshots, asks ``with_for_update``: so they take turns."""

lease = sa.Table(
    "lease",
    METADATA,
    sa.Column("lease_id", sa.String(32), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False, index=True),
    sa.Column("host", sa.String(200), nullable=False),
    sa.Column("pid", sa.BigInteger, nullable=False),
    sa.Column("started", sa.BigInteger, nullable=False),
    sa.Column("heartbeat", sa.Float(53), nullable=False),  # seconds since 1970
)
run = sa.Table(
    "run",
    METADATA,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("started", sa.DateTime, nullable=False),
    sa.Column("finished", sa.DateTime, nullable=True),
    sa.Column("snapshot", sa.BigInteger, nullable=True),
    *(
        sa.Column(name, sa.BigInteger, nullable=False, default=0)
        for name in (
            "product_count",
            "ok_count",
            "failed_count",
            "skipped_count",
            "row_count",
            "rejected_count",
        )
    ),
    sa.Column("software", sa.String(64), nullable=False),
    sa.Column("host", sa.String(200), nullable=False),
    sa.Column("pid", sa.BigInteger, nullable=False),
    sa.Column("process_started", sa.BigInteger, nullable=False),
)
run_product = sa.Table(
    "run_product",
    METADATA,
    sa.Column("entry", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.String(64), sa.ForeignKey("run.run_id"), nullable=False, index=True),
    sa.Column("root", sa.Text, nullable=True),
    sa.Column("path", sa.Text, nullable=True),
    sa.Column("line", sa.BigInteger, nullable=True),
    sa.Column("product_id", sa.Text, nullable=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("error_class", sa.String(64), nullable=True),
    sa.Column("error_message", sa.Text, nullable=True),
    sa.Column("repair_count", sa.BigInteger, nullable=True),
    sa.Column("duration", sa.Float(53), nullable=True),
)
digest = sa.Table(
    "digest",
    METADATA,
    sa.Column("product_id", sa.String(300), primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("modified_ns", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
)
