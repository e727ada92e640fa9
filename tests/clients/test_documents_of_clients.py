"""The judge of the documents that clients are sent: without schemas this is skipped, which says so."""

from __future__ import annotations

from dataclasses import replace

import requests
from recording_relay import RecordingRelay, invalid_documents
from xsd import Validate


def test_documents_that_clients_are_sent_are_judged(
    validate: Validate, relay: RecordingRelay, tap_url: str
) -> None:
    # VOSI-032: the fixture ``service_url`` judges those of every other module in the same way
    assert requests.get(f"{tap_url}/tables", timeout=60).ok
    exchanges = relay.take()
    wrong, roots = invalid_documents(exchanges, validate)
    assert wrong == [] and len(roots) == 1
    spoilt = [replace(each, body=each.body.replace(b"<column", b"<pillar", 1)) for each in exchanges]
    broken = [replace(each, body=each.body[:-9]) for each in exchanges]
    for changed in (spoilt, broken):
        [complaint], _ = invalid_documents(changed, validate)
        assert "GET /tap/tables" in complaint
    assert requests.get(f"{tap_url}/availability", timeout=60).ok
