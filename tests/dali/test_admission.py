"""Limits of queries: for one client in all processes, for the queue of one process; claims of the dead."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vo_service.dali.admission import Admission, AdmissionLimits
from vo_service.dali.errors import ServiceError
from vo_service.store.board import CLAIMANTS, Board

COUNTERS = 4


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "board"


def admission(path: Path, per_client: int = 2, running: int = 3, waiting: int = 2) -> Admission:
    return Admission(Board(path, COUNTERS), AdmissionLimits(per_client, running, waiting))


def refused(gate: Admission, client: str) -> str:
    with pytest.raises(ServiceError) as caught:
        gate.admit(client)
    assert caught.value.status == 429 and int(caught.value.headers["Retry-After"]) > 0  # DALI-099
    assert caught.value.transient
    return caught.value.text


def test_a_client_has_so_many_queries_and_others_have_theirs(path: Path) -> None:
    opened: list[int] = []
    gate = Admission(Board(path, COUNTERS), AdmissionLimits(2, 3, 2), opened.append)
    over = gate.admit("anna")
    gate.admit("anna")
    assert "2 queries" in refused(gate, "anna")
    gate.admit("bert")
    over()
    over()  # told twice counts once
    gate.admit("anna")
    refused(gate, "anna")
    assert sum(opened) == 3


def test_a_client_has_its_limit_in_all_processes_together(path: Path) -> None:
    here, there = admission(path), admission(path)
    over = here.admit("anna")
    there.admit("anna")
    refused(here, "anna")
    refused(there, "anna")
    over()
    there.admit("anna")


def test_a_refused_query_claims_nothing(path: Path) -> None:
    gate = admission(path, per_client=1)
    over = gate.admit("anna")
    for _ in range(5):
        refused(gate, "anna")
    others = [gate.admit(f"client {number}") for number in range(4)]  # the rest of the queue
    others[0]()
    over()
    gate.admit("anna")


def test_the_queue_of_a_process_has_an_end_whoever_comes(path: Path) -> None:
    gate = admission(path)
    tickets = [gate.admit(f"client {number}") for number in range(5)]
    assert "wait for their turn" in refused(gate, "another")
    tickets[0]()
    gate.admit("another")


def test_what_a_killed_process_had_claimed_is_free_again(path: Path) -> None:
    claimer = (
        "import sys, os; from pathlib import Path; from vo_service.store.board import Board;"
        "b = Board(Path(sys.argv[1]), 4); b.claim('anna'); b.claim('anna'); b.add(1, 7.0); b.add(5, 3.0);"
        "os._exit(9)"
    )
    gate = admission(path)
    subprocess.run([sys.executable, "-c", claimer, str(path)], check=False, timeout=60)
    gate.admit("anna")
    gate.admit("anna")
    refused(gate, "anna")


def test_more_clients_at_a_time_than_there_are_places_are_refused(path: Path) -> None:
    gate = admission(path, running=CLAIMANTS, waiting=10)
    for number in range(CLAIMANTS):
        gate.admit(f"client {number}")
    for _ in range(20):  # more often than the queue has places left
        assert "Too many clients" in refused(gate, "one more")
