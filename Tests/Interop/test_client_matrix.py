"""Whatever fails, the Swift client keeps what it promises: each fault, for each way to emit, under each policy.

What was promised is in the table, once; what was refused is not; and the counters add up at each moment. DOCKET_MATRIX_SECONDS sets how long
an outage takes; the default keeps the suite short.
"""

import re
from collections.abc import Iterator

import pytest

from cluster import Cluster
from matrix_cells import POLICIES, WAYS
from matrix_faults import FAULTS
from matrix_promises import DEFINITE, DOUBTFUL, IMPATIENT
from matrix_world import Matrix
from stubs import ROOT

CLIENT = ROOT / "Sources" / "DocketClient"


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    running = Matrix(tmp_path_factory.mktemp("matrix"))
    yield running
    running.delete()


@pytest.fixture
def cluster(matrix: Matrix) -> Cluster:
    """For the logs of a failed test."""
    return matrix.cluster


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


def cases(file: str, enumeration: str) -> set[str]:
    """The cases of an enumeration in Swift."""
    [body] = re.findall(rf"{enumeration}\b[^{{]*{{(.*?)^    }}", (CLIENT / file).read_text(), re.DOTALL | re.MULTILINE)
    return set(re.findall(r"^\s+case (\w+)$", body, re.MULTILINE))
