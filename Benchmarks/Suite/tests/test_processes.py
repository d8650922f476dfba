"""What processes are told and have used."""

import os
import sys
from pathlib import Path

import pytest

from suite.failures import RunFailure
from suite.processes import Child, cpu_seconds_of_tree, json_of, peak_mebibytes_of_tree, run_to_end

READY = "import pathlib, signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit({code})); "
READY += "p = pathlib.Path('{file}'); p.with_suffix('.new').write_text('{{\"grpc\": \"here\"}}'); "
READY += "p.with_suffix('.new').rename(p); signal.pause()"


def start(folder: Path, code: int = 0) -> Child:
    file = folder / "ready.json"
    return Child("a peer", [sys.executable, "-c", READY.format(file=file, code=code)], folder / "log")


def test_a_child_is_ready_when_its_file_is_there_and_ends_in_order(tmp_path: Path) -> None:
    child = start(tmp_path)
    assert child.wait_until_ready(tmp_path / "ready.json") == {"grpc": "here"}
    assert peak_mebibytes_of_tree(child.process_id) > 1
    child.stop()


def test_a_child_that_ends_badly_fails_the_run(tmp_path: Path) -> None:
    child = start(tmp_path, code=3)
    child.wait_until_ready(tmp_path / "ready.json")
    with pytest.raises(RunFailure, match="code 3"):
        child.stop()


def test_a_child_that_ends_before_it_serves_fails_the_run_with_its_log(tmp_path: Path) -> None:
    child = Child("a peer", [sys.executable, "-c", "print('no database'); exit(5)"], tmp_path / "log")
    with pytest.raises(RunFailure, match="code 5 .*no database"):
        child.wait_until_ready(tmp_path / "ready.json")


def test_processor_time_counts_children_that_have_ended() -> None:
    before = cpu_seconds_of_tree(os.getpid())
    run_to_end("burner", [sys.executable, "-c", "import time\nwhile time.process_time() < 0.2: pass"], 60)
    assert cpu_seconds_of_tree(os.getpid()) - before >= 0.15


def test_a_program_that_takes_too_long_is_ended() -> None:
    with pytest.raises(RunFailure, match="not done within"):
        run_to_end("sleeper", [sys.executable, "-c", "import signal; signal.pause()"], 0.2)


def test_json_is_read_from_the_last_line() -> None:
    assert json_of("tool", [sys.executable, "-c", "print('hello'); print('{\"rows\": 5}')"], 60) == {"rows": 5}
    with pytest.raises(RunFailure, match="printed no JSON"):
        json_of("tool", [sys.executable, "-c", "print('hello')"], 60)
