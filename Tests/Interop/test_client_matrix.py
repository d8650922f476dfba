"""Whatever fails, the Swift client keeps what it promises: each fault, for each way to emit, under each policy.

What was promised is in the table, once; what was refused is not; and the counters add up at each moment. DOCKET_MATRIX_SECONDS sets
how long an outage takes; the default keeps the suite short.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import Cluster
from matrix_cells import LAST_EVENTS, POLICIES, WAYS, Cell
from matrix_faults import FAULTS, NAME
from matrix_promises import DEFINITE, DOUBTFUL, IMPATIENT, Circumstances
from matrix_world import Matrix, Outcome
from own_limits import may_mount, on_small_disk
from stubs import ROOT
from waiting import eventually

CLIENT = ROOT / "Sources" / "DocketClient"
# For 50 MB that are written to a journal, and then sent in small batches.
SENDING_SECONDS = 240


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    running = Matrix(tmp_path_factory.mktemp("matrix"))
    yield running
    running.delete()


@pytest.fixture
def cluster(matrix: Matrix) -> Iterator[Cluster]:
    """For the logs of a failed test, which leaves no emitter behind."""
    yield matrix.cluster
    matrix.end_cells()


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_promised_is_what_is_in_the_table(matrix: Matrix, cluster: Cluster, fault: str, way: str, policy: str) -> None:
    assert matrix.outcome(fault)[way, policy] == []


def test_the_matrix_has_every_way_every_policy_and_every_error() -> None:
    assert set(POLICIES) == cases("ClientConfiguration.swift", "enum OverflowPolicy")
    assert DEFINITE | DOUBTFUL | IMPATIENT == cases("ClientError.swift", "enum Code")
    functions = re.findall(r"public func (emit\w*)\(", (CLIENT / "AuditClient+Emitting.swift").read_text())
    assert sorted(functions) == sorted(WAYS)


def takes_events(cell: Cell) -> bool:
    """Whether a few events are kept, which the queue has room for."""
    numbers = cell.emit(LAST_EVENTS)
    eventually(lambda: not cell.unanswered(), cell.process.log)
    return cell.kept >= set(numbers)


def all_broken(outcome: Outcome) -> list[str]:
    return [f"{way}, {policy}: {what}" for (way, policy), broken in outcome.items() for what in broken]


def cases(file: str, enumeration: str) -> set[str]:
    """The cases of an enumeration in Swift."""
    [body] = re.findall(rf"{enumeration}\b[^{{]*{{(.*?)^    }}", (CLIENT / file).read_text(), re.DOTALL | re.MULTILINE)
    return set(re.findall(r"^\s+case (\w+)$", body, re.MULTILINE))


def test_a_name_without_an_address_beside_one_that_has_one_is_not_noticed(matrix: Matrix, cluster: Cluster, tmp_path: Path) -> None:
    before, good = matrix.counts(), cluster.addresses(NAME)[0]
    cells = [matrix.cell(way, "dropNewest", tmp_path) for way in WAYS]
    for cell in cells:
        cell.start(["collector.docket.invalid:7480", good])
        cell.emit(100)
    for cell in cells:
        eventually(cell.is_idle, cell.process.log)
        cell.finish()
        assert cell.dropped == {"too_large": 1} and cell.failed.keys() <= {"tooLarge", "rejected"}
    assert all_broken(matrix.judge(cells, before, Circumstances(overflowed=False))) == []


@pytest.mark.skipif(not may_mount(), reason="this user may not mount a file system")
def test_a_disk_without_space_costs_what_nobody_was_promised(matrix: Matrix, cluster: Cluster, tmp_path: Path) -> None:
    before = matrix.counts()
    cells = [matrix.cell("emitDurably", policy, tmp_path) for policy in POLICIES]
    cluster.collectors[NAME].kill()
    for cell in cells:
        cell.start([cluster.addresses(NAME)[0]], on_small_disk(Path(cell.journal).parent, 512))
        # In the end what can't be kept is refused, whatever the policy.
        eventually(lambda: not takes_events(cell), cell.process.log)
        for _ in range(100):
            cell.emit(20)
    for cell in cells:
        eventually(lambda: not cell.unanswered(), cell.process.log)
        assert cell.kept and cell.failed["journal"]
        eventually(lambda cell=cell: "No space left on device" in cell.process.log(), cell.process.log)
    cluster.start(NAME)
    for cell in cells:
        eventually(cell.is_idle, cell.process.log)
        # The space comes back a while after the events are gone.
        eventually(lambda: takes_events(cell), cell.process.log)
        cell.finish()
    circumstances = Circumstances(overflowed=False, disk_was_full=True)
    assert all_broken(matrix.judge(cells, before, circumstances)) == []


def test_a_journal_that_is_full_refuses_or_has_its_callers_wait(matrix: Matrix, cluster: Cluster, tmp_path: Path) -> None:
    before = matrix.counts()
    refusing, waiting = cells = [matrix.cell("emitDurably", policy, tmp_path) for policy in ("dropNewest", "wait")]
    cluster.collectors[NAME].kill()
    # More than the least size that a journal may have.
    for cell in cells:
        cell.start([cluster.addresses(NAME)[0]], journalMaxBytes=48 << 20, maxQueueBytes=1 << 20)
        cell.emit(6600, reasonBytes=8000, concurrency=64)
    eventually(lambda: not refusing.unanswered(), refusing.process.log, SENDING_SECONDS)
    assert set(refusing.failed) == {"queueFull"} and len(refusing.kept) > 5000
    eventually(lambda: waiting.process.ask("stats")["stats"]["journalled"] >= len(refusing.kept) * 0.95, waiting.process.log, SENDING_SECONDS)
    assert waiting.unanswered()
    cluster.start(NAME)
    for cell in cells:
        eventually(cell.is_idle, cell.process.log, SENDING_SECONDS)
        cell.finish()
    assert len(waiting.kept) == waiting.sent_count - 1, waiting.failed
    # Those who were refused weren't dropped by the queue.
    assert refusing.dropped.pop("journal") == len(refusing.failed["queueFull"])
    assert all_broken(matrix.judge(cells, before, Circumstances(overflowed=False))) == []
