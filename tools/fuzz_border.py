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
import copy
import json
import os
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

from worker_answers import RIGHT, known  # noqa: E402

from infer.codec import from_json, to_json  # noqa: E402
from infer.outcome import Failure, Outcome  # noqa: E402
from infer.records import processes as records  # noqa: E402
from infer.system.folder_removal import remove_folder  # noqa: E402
from infer.tensors.output_files import read_saved  # noqa: E402
from infer.tensors.outputs import CallSamples, write_calls  # noqa: E402
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
NUMBERS = (0, -1, 1, 2, 0.5, -0.0, 1e-300, 1e300, -1e300, 2**31, 2**53, 2**64, 10**40, 1e9)
TEXTS = ("", "\ud800", "\x00", "\x1b[2J", "[/evil]", "x" * 70_000, "../" * 9, "nan", "é" * 99)
RAW = (b"NaN", b"Infinity", b"1e999", b"-", b"", b"\xff", b"[" * 3000, b'"\\ud800"', b"1" * 5000)
TYPES = (
    "int4",
    "S99999999",
    "O",
    "i4,i4",
    "finfo",
    "float128",
    "datetime64[ns]",
    "",
    "\x00",
    "str",
)
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


def altered_line(draw: random.Random, answer: dict[str, Any]) -> bytes:
    """A line that is a bit, or nothing at all, like an answer."""
    answer = copy.deepcopy(answer)
    if draw.random() < 0.1:
        answer = {"failure": dict(_failure(draw))}
    if draw.random() < 0.05:
        answer = {"storage_error": draw.choice((*TEXTS, *NUMBERS))}
    for _ in range(draw.choice((1, 1, 2, 5))):
        _alter(draw, answer)
    line = json.dumps(answer).encode()
    if draw.random() < 0.2:  # a part that is no JSON
        places = [i for i, byte in enumerate(line) if byte in b":,["]
        at = draw.choice(places) + 1 if places else 0
        line = line[:at] + draw.choice(RAW) + line[draw.randrange(at, len(line) + 1) :]
    if draw.random() < 0.1:
        line = line[: draw.randrange(len(line) + 1)]
    if draw.random() < 0.05:
        line = bytes(draw.randrange(256) for _ in range(draw.randrange(60)))
    return line


def _failure(draw: random.Random) -> dict[str, Any]:
    return {
        "outcome": draw.choice([*Outcome, "splendid", "", 7]),
        "reason": draw.choice((*TEXTS, "why\nand how")),
        "is_shortened": False,
        "index_limit": draw.choice((None, 3, -3)),
        "cause": draw.choice(("", *TEXTS)),
    }


def _alter(draw: random.Random, value: Any) -> None:
    """Alter one part of a value, in place."""
    while isinstance(value, dict | list) and value:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        key = draw.choice(list(keys))
        inner = value[key]
        if isinstance(inner, dict | list) and inner and draw.random() < 0.8:
            value = inner
            continue
        kind = draw.randrange(6)
        if kind == 0:
            del value[key]
        elif kind == 1 and isinstance(value, dict):
            value[draw.choice(TEXTS)] = inner
        elif kind == 2 and isinstance(value, list):
            value.extend([inner] * draw.choice((1, 9, 2000)))
        else:
            value[key] = _part(draw)
        return


def _part(draw: random.Random) -> Any:
    whole: tuple[Any, ...] = (*NUMBERS, *TEXTS, None, True, [], {}, [[]], {"": {}})
    part = draw.choice(whole)
    for _ in range(draw.choice((0, 0, 0, 1, 40))):
        part = [part] if draw.random() < 0.5 else {"a": part}
    return part


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


Change = Callable[[random.Random, Path], object]


def _file(draw: random.Random, folder: Path) -> Path:
    return draw.choice(sorted(folder.iterdir()))


def _bytes_altered(draw: random.Random, folder: Path) -> None:
    file = _file(draw, folder)
    if not file.is_file():
        return
    with file.open("rb") as opened:
        data = bytearray(opened.read(1 << 20))
    for _ in range(draw.choice((1, 3, 20))):
        data[draw.randrange(len(data))] = draw.randrange(256)
    file.write_bytes(data)


def _cut(draw: random.Random, folder: Path) -> None:
    file = _file(draw, folder)
    if file.is_symlink():
        return
    os.truncate(file, draw.choice((0, 5, 64, 127, 128, file.stat().st_size + 1, 1 << 33, 1 << 42)))


def _replaced(draw: random.Random, folder: Path) -> None:
    file = _file(draw, folder)
    file.unlink()
    outside = folder.parent / "outside"
    kind = draw.randrange(8)
    if kind == 0:
        os.mkfifo(file)
    elif kind == 1:
        file.mkdir(mode=draw.choice((0, 0o700)))
    elif kind == 2:
        file.symlink_to(draw.choice((outside / "precious", file, Path("/dev/zero"), outside)))
    elif kind == 3:
        os.link(outside / "precious", file)
    elif kind == 4:
        np.save(file, np.zeros(draw.choice((0, 3, 24)), draw.choice(("f4", "f8", "S3", "c16"))))
    elif kind == 5:
        # As an array of objects looks: a header, and a pickle behind it.
        with file.open("wb") as stream:
            header = {"descr": "|O", "fortran_order": False, "shape": (1,)}
            np.lib.format.write_array_header_1_0(stream, header)
            stream.write(b"\x80\x04}\x94.")
    elif kind == 6:
        file.write_bytes(draw.randbytes(draw.randrange(300)))


def _exchanged(draw: random.Random, folder: Path) -> None:
    _file(draw, folder).replace(_file(draw, folder))


def _header(draw: random.Random, folder: Path) -> None:
    """Another header of an array, with the file as long as it says."""
    count = draw.choice((0, 1, 23, 25, 2**31, 2**38, 2**62, 10**30))
    kind = draw.choice(("<f4", ">f4", "|u1", "<c16", "|O", "<U9", "[('a', '<f4')]"))
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': ({count},), }}"
    text = draw.choice((text, text.replace("False", "__import__('os')"), "(" * 117, text * 2))
    file = folder / draw.choice(("output_0.npy", "output_1.npy", "output_1.bytes.npy"))
    if not file.is_file():
        return
    head = b"\x93NUMPY" + bytes([draw.choice((1, 1, 2, 9)), 0]) + (118).to_bytes(2, "little")
    file.write_bytes(head + text.encode().ljust(117)[:117] + b"\n")
    if draw.random() < 0.5:
        os.truncate(file, 128 + min(count, 2**38) * 4)


def _text(file: Path) -> str:
    """The beginning of a file, which another change may have made a pipe, or endless."""
    if not file.is_file():
        return ""
    with file.open("rb") as opened:
        return opened.read(1 << 20).decode()


def _index(draw: random.Random, folder: Path) -> None:
    file = folder / "outputs.json"
    index = json.loads(_text(file))
    for _ in range(draw.choice((1, 1, 3))):
        _alter(draw, index)
    file.write_text(json.dumps(index))


def _index_sizes(draw: random.Random, folder: Path) -> None:
    file = folder / "outputs.json"
    index = json.loads(_text(file))
    size = draw.choice((0, 1, 3, 7, 2**24, 2**40, 2**70))
    kind = draw.randrange(6)
    if kind == 0:
        index["calls"][0]["rows"] = [[0, size]] * draw.choice((1, 5, 999))
    elif kind == 1:
        index["calls"][1]["samples"] = size
    elif kind == 2:
        index["outputs"][0]["shapes"] = [[size] * draw.choice((1, 2, 40)), [4, 3]]
    elif kind == 3:
        index["outputs"][draw.randrange(2)]["dtype"] = draw.choice(TYPES)
    elif kind == 4:
        index["outputs"] *= draw.choice((2, 300))
    else:
        index["calls"] *= draw.choice((0, 2, 5000))
    file.write_text(json.dumps(index))


def _index_text(draw: random.Random, folder: Path) -> None:
    file = folder / "outputs.json"
    text = _text(file).encode()
    at = draw.randrange(len(text))
    file.write_bytes(text[:at] + draw.choice(RAW) + text[at + draw.randrange(9) :])


def _folder_itself(draw: random.Random, folder: Path) -> None:
    outside = folder.parent / "outside"
    shutil.rmtree(folder)
    if draw.random() < 0.5:
        folder.symlink_to(outside)
    elif draw.random() < 0.5:
        folder.write_text("a file")


def _deep(draw: random.Random, folder: Path) -> None:
    where = os.open(folder, os.O_RDONLY)
    for _ in range(draw.choice((3, 80))):
        os.mkdir("d" * 60, dir_fd=where)
        inner = os.open("d" * 60, os.O_RDONLY, dir_fd=where)
        os.symlink("/", "link", dir_fd=inner)
        os.close(where)
        where = inner
    os.close(where)


CHANGES: tuple[Change, ...] = (
    *(_bytes_altered, _cut, _replaced, _exchanged, _header, _header, _index, _index, _index_sizes),
    *(_index_sizes, _index_text, _folder_itself, _deep),
)


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
