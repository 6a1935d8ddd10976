"""What tests share that measure through the real command line."""

import json
from types import SimpleNamespace

from infer.records.protocol import PROTOCOLS

# Of the quick protocol, with shorter bursts than it has.
GENERATIONS, TURNS = PROTOCOLS["quick"].generations, 2
BURSTS = ("--turns", TURNS, "--burst", "0.02s")


def strict_json(text):
    """Parsed as other languages do: without NaN and Infinity."""

    def refuse(constant):
        raise ValueError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=refuse)


def finished(done, folder, json_file):
    """What a finished command left behind."""
    (run,) = (folder / "runs").iterdir()
    summary = strict_json(json_file.read_text())
    return SimpleNamespace(
        done=done,
        run=run,
        summary=summary,
        rows={row["artifact"]: row for row in summary["rows"]},
        records=[strict_json(line) for line in (run / "results.jsonl").read_text().splitlines()],
        report=(run / "report.md").read_text(),
        logs={file.name: file.read_text() for file in (run / "logs").iterdir()},
    )
