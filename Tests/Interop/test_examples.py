"""What docs/client/other-languages.md and the READMEs of Examples/ show runs as shown, and does what it says."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from collector import Collector
from conftest import StartCollector
from cutting_proxy import CuttingProxy, cuts
from emitter_example import EXAMPLES, docket
from stubs import PROTOS, ROOT
from test_python_emitter import chance  # noqa: F401
from test_tls import Certificates, certificates, tls_collector  # noqa: F401

PAGE = ROOT / "docs" / "client" / "other-languages.md"
GO_LIBRARIES = Path("/usr/share/gocode")
# What the READMEs use as the address and the token of a collector.
ADDRESS, TOKEN = "127.0.0.1:7480", "dkt_…"

def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.M | re.S)


def commands(readme: Path) -> list[str]:
    return [line.removeprefix("$ ") for block in blocks(readme, "console") for line in block.splitlines() if line[:2] == "$ "]


def shown(readme: Path) -> dict:
    """The JSON that a README shows as the last command's output."""
    return json.loads(blocks(readme, "console")[-1].splitlines()[-1])


def copied(example: str, folder: Path) -> Path:
    """A copy of an example as if in a repository of its own, without what was made in it."""
    (folder / "Protos").symlink_to(PROTOS)
    made = shutil.ignore_patterns("docket", "docketv1", "docket-emitter", ".venv", "__pycache__")
    return Path(shutil.copytree(EXAMPLES / example, folder / "Examples" / example, ignore=made))


def run(command: list[str | Path] | str, folder: Path, token: str = "", seconds: float = 300, code: int = 0, **names: str) -> str:
    """What a command prints; a text is for the shell."""
    ended = subprocess.run(
        command, cwd=folder, check=False, capture_output=True, text=True, timeout=seconds, shell=isinstance(command, str),
        env={**os.environ, "DOCKET_TOKEN": token, **names},
    )  # fmt: skip
    assert ended.returncode == code, f"{command} ended with {ended.returncode}:\n{ended.stdout}{ended.stderr}"
    return ended.stdout


def count_of(collector: Collector, source: str) -> tuple[int, int, int]:
    """How many events of a source are in the table, and how many different ids and resources they have."""
    [row] = collector.sql(
        "SELECT count(*), count(DISTINCT event_id), count(DISTINCT resource_id) FROM docket.events "
        f"WHERE source = '{source}'"
    )
    return tuple(map(int, row))


# Python


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Examples/python after the commands of its README, but for those that make the environment: the tests have one."""
    folder = copied("python", tmp_path_factory.mktemp("python-example"))
    (folder / ".venv").symlink_to(sys.prefix)
    made = [command for command in commands(folder / "README.md") if "venv .venv" not in command and "pip " not in command]
    assert [TOKEN in command for command in made] == [False, True]
    run(made[0], folder)
    return folder


def test_the_python_example_runs_as_its_readme_shows(python: Path, start_collector: StartCollector) -> None:
    collector = start_collector()
    command = commands(python / "README.md")[-1]
    assert ADDRESS in command and TOKEN in command
    printed = run(command.replace(ADDRESS, collector.address).replace(TOKEN, collector.token), python)
    assert json.loads(printed) == shown(python / "README.md")
    assert count_of(collector, "Examples/python") == (1000, 1000, 1000)


def test_the_python_example_speaks_tls(
    python: Path, tls_collector: Collector, certificates: Certificates  # noqa: F811
) -> None:
    command = [".venv/bin/python", "emit.py", tls_collector.address, "--count", "7", "--ca-file"]
    run([*command, certificates.authority], python, tls_collector.token)
    assert count_of(tls_collector, "Examples/python") == (7, 7, 7)
    printed = run([*command, certificates.other_authority], python, tls_collector.token, code=1)
    assert json.loads(printed)["dropped_by_reason"] == {"abandoned": 7}


@pytest.fixture(scope="module")
def snippets(python: Path) -> dict[str, Path]:
    """The programs of the page, by the names in their first lines, as files beside stubs and emitter."""
    found = {}
    for block in blocks(PAGE, "python"):
        name = re.match(r"# (\S+\.py)", block).group(1)
        found[name] = python / name
        found[name].write_text(block)
    assert found.keys() == {"publish.py", "service.py"}
    return found


def test_the_pages_unary_calls_publish_and_wait_for_a_quota(
    snippets: dict[str, Path], python: Path, start_collector: StartCollector
) -> None:
    collector = start_collector()
    command = [".venv/bin/python", snippets["publish.py"], collector.address]
    assert run(command, python, collector.token) == "1 []\n" * 3
    rows = collector.sql(
        "SELECT action, sequence FROM docket.events JOIN docket.batches USING (batch_id) "
        "WHERE actor_id = 'alice' ORDER BY sequence"
    )
    assert rows == [["login", "0"], ["read", "1"], ["logout", "2"]]
    refused = 'docket_batches_total{result="refused"}'
    tenant = collector.ready["tenant"]
    docket(collector, "tenant", "set", tenant, "--events-per-second", "1", "--burst-seconds", "1")
    runs = 1
    while collector.metrics().get(refused, 0) < 2:
        assert run(command, python, collector.token) == "1 []\n" * 3
        runs += 1
        assert runs < 30, "nothing was refused"
    assert collector.sql("SELECT count(*) FROM docket.events WHERE actor_id = 'alice'") == [[str(3 * runs)]]


def test_the_pages_unary_calls_end_with_what_is_refused_for_good(
    snippets: dict[str, Path], python: Path, collector: Collector
) -> None:
    wrong = "dkt_" + "0" * 72
    run([".venv/bin/python", snippets["publish.py"], collector.address], python, wrong, seconds=30, code=1)


def test_the_pages_service_emits_and_says_what_became_of_it(
    snippets: dict[str, Path], python: Path, collector: Collector
) -> None:
    printed = run([".venv/bin/python", snippets["service.py"], collector.address], python, collector.token)
    assert printed.startswith("True Counters(enqueued=1, committed=1, rejected=0, dropped=0, queued=0")
    rows = collector.sql("SELECT actor_id, action, decision FROM docket.events WHERE resource_id = '42' AND action = 'delete'")
    assert rows == [["alice", "delete", rows[0][2]]]


# Go


@pytest.fixture(scope="module")
def go(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Examples/go, built by the commands of its README but for the installation."""
    is_missing = shutil.which("go") is None or not (GO_LIBRARIES / "src/google.golang.org/grpc").is_dir()
    if is_missing and not os.environ.get("CI"):
        pytest.skip("there is no Go with Debian's grpc-go; scripts/bootstrap test installs them")
    folder = copied("go", tmp_path_factory.mktemp("go-example"))
    gopath = folder.parent / "gopath"
    for command in commands(folder / "README.md")[1:-1]:
        run(command.replace("/tmp/gopath", str(gopath)), folder, GOFLAGS="", GOTOOLCHAIN="local")
    return folder


@pytest.mark.parametrize("mode", ["stream", "unary"])
def test_the_go_example_runs_as_its_readme_shows(go: Path, start_collector: StartCollector, mode: str) -> None:
    collector = start_collector()
    command = commands(go / "README.md")[-1]
    assert ADDRESS in command and TOKEN in command and "-mode stream" in command
    command = command.replace("-mode stream", f"-mode {mode}")
    printed = run(command.replace(ADDRESS, collector.address).replace(TOKEN, collector.token), go)
    assert json.loads(printed) == shown(go / "README.md")
    assert count_of(collector, "Examples/go") == (1000, 1000, 1000)


@pytest.mark.parametrize("mode", ["stream", "unary"])
def test_the_go_example_stores_each_event_once_though_its_connections_are_cut(
    go: Path, start_collector: StartCollector, chance: random.Random, mode: str  # noqa: F811
) -> None:
    # Far more batches than the connections that are cut can carry: all of the cuts are made, by whatever seed.
    collector, count = start_collector(), 60_000
    proxy = CuttingProxy(collector.host_and_port, cuts(chance, 20, request_bytes=50_000, answer_bytes=500))
    command = ["./docket-emitter", "-address", proxy.address, "-count", str(count), "-mode", mode]
    printed = json.loads(run(command, go, collector.token))
    proxy.close()
    replayed = collector.metrics().get('docket_batches_total{result="replayed"}', 0)
    print(f"{proxy.cuts} cuts, {replayed:.0f} replays")
    assert printed == {"enqueued": count, "committed": count, "rejected": 0, "dropped": 0}
    assert count_of(collector, "Examples/go") == (count, count, count)
    assert proxy.cuts == 20 and replayed > 0


@pytest.mark.parametrize("mode", ["stream", "unary"])
def test_the_go_example_waits_for_a_quota_as_it_is_told(go: Path, start_collector: StartCollector, mode: str) -> None:
    collector = start_collector()
    docket(collector, "tenant", "set", collector.ready["tenant"], "--events-per-second", "2000", "--burst-seconds", "1")
    refused = 'docket_batches_total{result="refused"}'
    runs = 0
    while collector.metrics().get(refused, 0) == 0:
        # Until the collector has heard of the quota.
        command = ["./docket-emitter", "-address", collector.address, "-count", "6000", "-mode", mode]
        assert json.loads(run(command, go, collector.token))["committed"] == 6000
        runs += 1
        assert runs < 30, "nothing was refused"
    assert count_of(collector, "Examples/go")[0] == 6000 * runs


def test_the_go_example_gives_up_what_is_refused_for_good(go: Path, collector: Collector) -> None:
    command = ["./docket-emitter", "-address", collector.address, "-count", "3", "-mode", "unary"]
    printed = json.loads(run(command, go, "dkt_" + "0" * 72, seconds=30, code=1))
    assert printed == {"enqueued": 3, "committed": 0, "rejected": 0, "dropped": 3}


def test_what_the_page_shows_of_go_is_in_the_example() -> None:
    sources = "\n".join(path.read_text() for path in sorted((EXAMPLES / "go").glob("*.go")))
    found = blocks(PAGE, "go")
    assert len(found) == 3
    for block in found:
        assert block in sources, f"no file of Examples/go has this:\n{block}"
