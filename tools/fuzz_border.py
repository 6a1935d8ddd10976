"""Give the controller answers and folders of outputs that no honest worker writes.

    python tools/fuzz_border.py --answers 2000 --folders 2000
    python tools/fuzz_border.py --seed 7 --answers 500 --folders 500 --json border.json

Each try alters a right answer, or the folder of a right pass over the samples, half of the time
while it is read. It must be taken, and then be of the type that is recorded and of the samples that
were asked for, or be refused as a crash in one line. A finding is anything else, and an end that
does not come within seconds. Exit status 1 if there is a finding; its number is the seed of the
try. With --json, counts are added to those that the file has.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

from fuzz_border_answers import altered_line  # noqa: E402
from fuzz_border_folders import CHANGES  # noqa: E402
from worker_answers import RIGHT, known  # noqa: E402

from infer.codec import from_json, to_json  # noqa: E402
from infer.outcome import Failure, Outcome  # noqa: E402
from infer.records import processes as records  # noqa: E402
from infer.system.folder_removal import remove_folder  # noqa: E402
from infer.tensors.call_writer import write_calls  # noqa: E402
from infer.tensors.output_files import read_saved  # noqa: E402
from infer.tensors.outputs import CallSamples  # noqa: E402
from infer.worker import messages as m  # noqa: E402
from infer.worker.answers import decode_response  # noqa: E402
from infer.worker.message_codec import MessageError, StorageError  # noqa: E402
from infer.worker.output_collection import collect  # noqa: E402

LIMIT_S = 10.0
# What is recorded of an answer, as far as it is recorded alone.
RECORDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "start": (records.Start, {"spawn_to_ready_s": 1.0, "variables": {}}),
    "load": (records.Load, {}),
    "inputs": (records.FittedInputs, {}),
    "first_call": (records.FirstCall, {}),
    "repeat": (records.Repeat, {}),
    "batch_probe": (records.BatchProbe, {}),
    "check": (records.Check, {}),
    "warm_up": (records.WarmUp, {"workload": {"batch": 4}}),
    "device_time": (records.DeviceTimes, {}),
    "predict": (records.Prediction, {}),
    "sweep": (records.Sweep, {}),
    "footprint": (records.Footprint, {}),
}
CALLS = (CallSamples.from_range(0, 4), CallSamples((4, 5, 6, 7), 4))
REQUEST = m.Predict(4, "outputs")
PREDICTED = RIGHT["predict"][1]


class NotRefusedError(Exception):
    """Something was taken that is not as it should be."""


def try_answer(draw: random.Random) -> str:
    """Decode an altered answer; return what came of it.

    Raises:
        Exception: a finding.
    """
    action = draw.choice(list(RIGHT))
    request, right = RIGHT[action]
    line = altered_line(draw, {"response": right})
    try:
        response = decode_response(request, line, known(), 1.0)
    except (MessageError, StorageError) as error:
        _check_line(str(error))
        return "refused"
    except Failure as failure:
        _check_line(failure.reason)
        if failure.outcome in (Outcome.OK, Outcome.HANG, Outcome.PARITY_FAIL):
            raise NotRefusedError(f"the outcome {failure.outcome}") from None
        return "failure"
    if action in RECORDS:
        kind, more = RECORDS[action]
        json.dumps(to_json(from_json(kind, {**response, **more})), allow_nan=False)
    json.dumps(response, allow_nan=False, ensure_ascii=False).encode()
    return "taken"


def try_folder(draw: random.Random, parent: Path) -> str:
    """Take over the outputs of an altered folder; return what came of it.

    Raises:
        Exception: a finding.
    """
    top = Path(tempfile.mkdtemp(dir=parent))
    folder, target = top / "worker", top / "taken"
    folder.mkdir()
    (top / "outside").mkdir()
    precious = top / "outside" / "precious"
    precious.write_text("kept")
    write_right(folder)
    changes = [draw.choice(CHANGES) for _ in range(draw.choice((1, 1, 2, 4)))]
    seeds = [draw.randrange(2**32) for _ in changes]

    def change() -> None:
        for make, seed in zip(changes, seeds, strict=True):
            if folder.is_symlink():
                break  # what follows would alter what it leads to
            try:
                make(random.Random(seed), folder)
            except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
                continue  # another change has made it impossible

    meanwhile = threading.Thread(target=change)
    meanwhile.start()
    outside = None
    if draw.random() < 0.5:
        meanwhile.join()
        outside = _state(precious)  # a change may have written through a link
    try:
        collect(folder, target, REQUEST, PREDICTED, known())
        result = "taken"
    except Failure as failure:
        _check_line(failure.reason)
        if failure.outcome != Outcome.CRASH:
            raise NotRefusedError(f"the outcome {failure.outcome}") from None
        result = "refused"
    meanwhile.join()
    if result == "taken":
        for output in read_saved(target).values():
            rows = [row for call in output.calls for row in call.rows[: call.samples]]
            if rows != list(range(8)) or len(output.parts) != len(output.calls):
                raise NotRefusedError(f"the samples {rows}")
    if not remove_folder(folder):
        raise NotRefusedError("its folder cannot be removed")
    if outside not in (None, _state(precious)):
        raise NotRefusedError("a file outside was altered")
    shutil.rmtree(top)
    return result


def _state(file: Path) -> tuple[int, bytes]:
    """The size of a file, which holes may make huge, and its beginning."""
    with file.open("rb") as opened:
        return file.stat().st_size, opened.read(100)


def write_right(folder: Path) -> None:
    """Write the outputs of a right pass: numbers and text."""
    parts = [
        {
            "y": np.arange(12, dtype=np.float32).reshape(4, 3),
            "words": np.array(["ä", "", "longer", "x"], object),
        }
        for _ in CALLS
    ]
    write_calls(folder, parts, CALLS)


def _check_line(text: str) -> None:
    if len(text) > 500 or len(text.splitlines()) > 1:
        raise NotRefusedError(f"a reason that is no line: {text[:80]!r}")


def attempt(what: Callable[[], str]) -> tuple[str, str | None, float]:
    """What came of a try, the finding if there is one, and the seconds that it took."""
    begin = time.monotonic()
    finding = None
    try:
        result = what()
    except Exception as error:  # whatever it is, it should not have come
        result, finding = "finding", f"{type(error).__name__}: {error}"
    seconds = time.monotonic() - begin
    if seconds > LIMIT_S and finding is None:
        finding = f"took {seconds:.0f} s"
    return result, finding, seconds


def main(arguments: list[str] | None = None) -> int:
    """Fuzz; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0, help="of the first try")
    parser.add_argument("--answers", type=int, default=200, metavar="N", help="tries of answers")
    parser.add_argument("--folders", type=int, default=200, metavar="N", help="tries of folders")
    parser.add_argument("--json", type=Path, metavar="FILE", help="add the counts to this file")
    options = parser.parse_args(arguments)
    counts: dict[str, Counter[str]] = {"answers": Counter(), "folders": Counter()}
    findings: list[str] = []
    slowest_s = 0.0
    with tempfile.TemporaryDirectory(prefix="exportbench-fuzz-") as folder:
        kinds: dict[str, Callable[[random.Random], str]] = {
            "answers": try_answer,
            "folders": lambda draw: try_folder(draw, Path(folder)),
        }
        for kind, tried in kinds.items():
            for seed in range(options.seed, options.seed + getattr(options, kind)):
                draw = random.Random(f"{kind} {seed}")
                result, finding, seconds = attempt(lambda tried=tried, draw=draw: tried(draw))  # type: ignore[misc]
                counts[kind][result] += 1
                slowest_s = max(slowest_s, seconds)
                if finding:
                    findings.append(f"{kind} {seed}: {finding}")
                    print(findings[-1], file=sys.stderr)
    if options.json:
        if options.json.exists():
            before = json.loads(options.json.read_text())
            for kind, counter in counts.items():
                counter.update(before["counts"][kind])
            findings[:0] = before["findings"]
            slowest_s = max(slowest_s, before["slowest_s"])
        value = {"counts": counts, "findings": findings, "slowest_s": slowest_s}
        options.json.write_text(json.dumps(value, indent=2) + "\n")
    for kind, counter in counts.items():
        print(f"{kind}: {counter.total():,} tries, {json.dumps(counter)}")
    print(f"{len(findings)} findings; the slowest try took {slowest_s:.1f} s")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
