"""The store of a run survives what befalls the process that writes it."""

import json
import os
import signal
import subprocess
import sys

import pytest
from events import as_json, events

from infer.codec import encode, from_json
from infer.records.event import SCHEMA_VERSION
from infer.records.events import AnyEvent
from infer.records.store import RESULTS, Store, read_events

RECORDS = [
    json.loads(encode(event))
    for event in events(
        [
            {"kind": "run", "seed": 3},
            {
                "kind": "burst",
                "artifact": "größe",
                "generation": 0,
                "workload": {"batch": 1},
                "seconds": [0.25, 1e-7],
                "samples": 2,
            },
            {"kind": "end"},
        ]
    )
]


@pytest.fixture
def run(tmp_path):
    """The folder of a closed run of three records."""
    store = Store(tmp_path / "run")
    for record in RECORDS:
        store.add(from_json(AnyEvent, record))
    store.close()
    return store.folder


def test_records_come_back_in_order(run):
    assert as_json(read_events(run)) == RECORDS
    assert (RECORDS[0]["seed"], RECORDS[1]["artifact"]) == (3, "größe")
    assert RECORDS[1]["seconds"] == [0.25, 1e-7]


def test_every_record_is_in_the_file_at_once(tmp_path):
    store = Store(tmp_path)
    for count in range(1, 4):
        store.add(from_json(AnyEvent, RECORDS[1] | {"turn": count}))

        assert len(read_events(tmp_path)) == count
    store.close()


def test_records_outlive_a_killed_process(tmp_path, root):
    code = (
        "import os, pathlib, sys\n"
        "from infer.records.process_events import GenerationDone\n"
        "from infer.records.store import Store\n"
        "store = Store(pathlib.Path(sys.argv[1]))\n"
        "store.add(GenerationDone(seconds=3, elapsed_s=4))\n"
        "os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path], env=os.environ | {"PYTHONPATH": str(root)}
    )

    assert done.returncode == -signal.SIGKILL
    assert [event.seconds for event in read_events(tmp_path)] == [3]


def test_a_run_is_never_written_over(run):
    before = (run / RESULTS).read_bytes()

    with pytest.raises(FileExistsError):
        Store(run)
    assert (run / RESULTS).read_bytes() == before


def test_last_line_that_was_cut_off_is_dropped_wherever_it_was_cut(run):
    file = run / RESULTS
    content = file.read_bytes()
    whole = read_events(run)
    begin = content.rindex(b"\n", 0, -1) + 1
    for end in range(begin, len(content) - 1):
        file.write_bytes(content[:end])

        assert read_events(run) == whole[:2]


def test_whole_last_line_counts_without_its_end(run):
    file = run / RESULTS
    whole = read_events(run)
    file.write_bytes(file.read_bytes().rstrip())

    assert read_events(run) == whole


def test_damaged_line_before_the_last_is_refused(run):
    file = run / RESULTS
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], lines[1][:-5], lines[2]]) + "\n")

    with pytest.raises(ValueError, match="line 2 is not JSON") as caught:
        read_events(run)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize(
    "schema", [0, SCHEMA_VERSION - 1, SCHEMA_VERSION + 1, None, str(SCHEMA_VERSION)]
)
def test_other_schema_is_refused(run, schema):
    file = run / RESULTS
    file.write_text(json.dumps({"schema_version": schema, "kind": "run"}) + "\n")

    with pytest.raises(ValueError, match=f"schema_version {schema}, this program reads") as caught:
        read_events(run)
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("line", ["[]", "3", "null", '"text"'])
def test_line_that_is_no_object_is_refused(run, line):
    file = run / RESULTS
    file.write_text(line + "\n" + file.read_text())

    with pytest.raises(ValueError) as caught:
        read_events(run)
    assert str(file) in str(caught.value)


def test_folder_without_a_run(tmp_path):
    with pytest.raises(ValueError, match="cannot be read"):
        read_events(tmp_path)
