"""Figures for Prometheus, judged by its own parser; who may read them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import anyio
import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette

from vo_service.dali.errors import ServiceError
from vo_service.dali.metrics import COUNTERS, FIGURES, MEDIA_TYPE, Metrics
from vo_service.dali.metrics_door import CountedRequests, MetricsDoor
from vo_service.dali.replies import answer_service_error
from vo_service.store.board import CELLS, Board

Values = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "board"


def metrics_on(path: Path) -> Metrics:
    return Metrics(Board(path, COUNTERS))


def nothing() -> Mapping[str, tuple[str, Mapping[str, float]]]:
    return {}


def read(text: str) -> Values:
    """All samples by name and labels; the parser refuses what Prometheus would refuse."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(values: Values, name: str, **labels: str) -> float:
    return values[f"vo_service_{name}", tuple(sorted(labels.items()))]


def test_all_processes_are_told_of_by_any(path: Path) -> None:
    first, second = metrics_on(path), metrics_on(path)
    first.request(200, 0.003)
    second.request(200, 0.2)
    second.request(429, 400.0)
    second.request(0, 1.0)  # the client left before any status
    first.query("done", 0.01, 5, 1000)
    second.query("gone", 2.0, 7, 3000)
    first.late(0.2)
    second.late(0.3)
    values = read(first.text({}))
    assert of(values, "requests_total", status="2xx") == 2
    assert of(values, "requests_refused_total") == 1
    assert of(values, "query_rows_total") == 12 and of(values, "query_bytes_total") == 4000
    assert of(values, "queries_total", state="gone") == 1
    assert of(values, "event_loop_lag_seconds") == 0.3
    assert of(values, "processes") == 1 and of(values, "resident_bytes") > 1e6
    assert values == {**read(second.text({})), **{k: v for k, v in values.items() if "resident" in k[0]}}


def test_memory_is_told_in_bytes_whatever_the_size_of_a_page(path: Path) -> None:
    told = of(read(metrics_on(path).text({})), "resident_bytes")
    status = Path("/proc/self/status").read_text(encoding="ascii")
    kibibytes = int(next(line for line in status.splitlines() if line.startswith("VmRSS:")).split()[1])
    assert told == pytest.approx(kibibytes * 1024, rel=0.1)


def test_histograms_count_up_to_each_bound(path: Path) -> None:
    metrics = metrics_on(path)
    for seconds in (0.005, 0.0051, 0.3, 1000.0):
        metrics.first_byte(seconds)
    values = read(metrics.text({}))
    bounds = {
        float(dict(labels)["le"]): value
        for (name, labels), value in values.items()
        if name == "vo_service_first_byte_seconds_bucket"
    }
    assert bounds[0.005] == 1 and bounds[0.01] == 2 and bounds[0.5] == 3 and bounds[float("inf")] == 4
    assert list(bounds.values()) == sorted(bounds.values())
    assert of(values, "first_byte_seconds_count") == 4
    assert of(values, "first_byte_seconds_sum") == pytest.approx(1000.3101)


def test_gauges_go_up_and_down(path: Path) -> None:
    metrics = metrics_on(path)
    metrics.started()
    metrics.started()
    metrics.gave(100)
    metrics.ended()
    metrics.opened(1)
    metrics.spooled(500)
    metrics.spooled(-200)
    values = read(metrics.text({"jobs": ("Jobs.", {'{phase="QUEUED"}': 3.0})}))
    assert of(values, "engine_statements_running") == 1
    assert of(values, "engine_statements_total") == 2
    assert of(values, "engine_rows_total") == 100
    assert of(values, "queries_open") == 1 and of(values, "spool_bytes") == 300
    assert of(values, "jobs", phase="QUEUED") == 3


def test_every_figure_has_cells_of_its_own_and_words() -> None:
    cells = [figure.at + i for figure in FIGURES for i in range(figure.cells)]
    assert len(cells) == len(set(cells)) and max(cells) < CELLS
    assert all((figure.kind == "gauge") == (figure.at >= COUNTERS) for figure in FIGURES)
    assert all(figure.help.endswith(".") for figure in FIGURES)


def ask(app: object, client: str, **headers: str) -> httpx.Response:
    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=app, client=(client, 1234))  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as asking:
            return await asking.get("/metrics", headers=headers)

    return anyio.run(send)


def app_of(metrics: Metrics, who: str) -> Starlette:
    return Starlette(
        routes=MetricsDoor(metrics, who, nothing).routes(),
        exception_handlers={ServiceError: answer_service_error},  # type: ignore[dict-item]
    )


def test_who_may_read_is_a_setting(path: Path) -> None:
    metrics = metrics_on(path)
    near = ask(app_of(metrics, "loopback"), "127.0.0.1")
    assert near.status_code == 200 and near.headers["Content-Type"] == MEDIA_TYPE
    assert ask(app_of(metrics, "loopback"), "::1").status_code == 200
    assert ask(app_of(metrics, "loopback"), "192.0.2.7").status_code == 403
    assert ask(app_of(metrics, "loopback"), "::ffff:127.0.0.1").status_code == 200
    for header in (
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "Forwarded",
        "Via",
        "X-Real-IP",
    ):
        passed_on = ask(app_of(metrics, "loopback"), "127.0.0.1", **{header: "192.0.2.7"})
        assert passed_on.status_code == 403, header
    assert ask(app_of(metrics, "on"), "192.0.2.7").status_code == 200
    assert ask(app_of(metrics, "off"), "127.0.0.1").status_code == 404


def test_requests_are_counted_whatever_comes_of_them(path: Path) -> None:
    metrics = metrics_on(path)
    app = CountedRequests(app_of(metrics, "on"), metrics)
    ask(app, "127.0.0.1")
    values = read(ask(app, "127.0.0.1").text)
    assert of(values, "requests_total", status="2xx") == 1
    assert of(values, "request_seconds_count") == 1
