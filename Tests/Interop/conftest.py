"""Fixtures. The stubs are generated before any module that needs them is imported."""

from collections.abc import Callable, Iterator

import pytest
import stubs

stubs.generate()

from client import Client  # noqa: E402
from collector import Collector  # noqa: E402

StartCollector = Callable[..., Collector]


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """The collector that most tests share: each test publishes under names of its own."""
    running = Collector()
    yield running
    code = running.stop()
    assert code == 0, f"docket dev ended with code {code}:\n{running.log()}"
    running.delete_folder()


@pytest.fixture
def start_collector() -> Iterator[StartCollector]:
    """Starts collectors for one test."""
    started: list[Collector] = []

    def start(*flags: str, **options: object) -> Collector:
        started.append(Collector(*flags, **options))
        return started[-1]

    yield start
    for running in started:
        running.stop()
        running.delete_folder()


@pytest.fixture
def client(collector: Collector) -> Iterator[Client]:
    """A client with the right token."""
    with Client(collector.address, collector.token) as connected:
        yield connected


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Iterator[None]:
    """A failed test shows the end of the logs of what it ran with."""
    report = yield
    for name in ("collector", "cluster", "proxy", "front"):
        running = getattr(item, "funcargs", {}).get(name)
        if report.failed and running is not None:
            report.sections.append((f"the {name}'s log", running.log()))
    return report
