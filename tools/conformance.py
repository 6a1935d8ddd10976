"""Run the test vectors of ONNX's and JAX's own packages through the worker.

    python tools/conformance.py onnx [--every N]
    python tools/conformance.py jax [--every N]

`onnx`: the backend tests of the `onnx` package, nodes and models; each must come to the verdict
that ONNX Runtime comes to when its session is called directly.

`jax`: the serialized functions that JAX keeps to test that old files still load; each must run
and give what JAX itself gives, or be refused for the platform or the devices that it was made for.

Exit status 1 if one does not.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from conformance_jax import jax_vectors, refused_rightly, run_jax
from conformance_onnx import onnx_vectors, run_onnx
from conformance_worker import FAILED, PASSED, ReusedWorker, Verdict


def check(format_name: str, every: int = 1, start: int = 0) -> tuple[list[Verdict], list[Verdict]]:
    """Run every so many vectors of a format; return all verdicts and those that are wrong."""
    verdicts, wrong = [], []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        name = {"onnx": "onnx", "jax": "jax-export"}[format_name]
        with ReusedWorker(name, folder) as worker:
            vectors = list(onnx_vectors() if format_name == "onnx" else jax_vectors())
            for label, vector in vectors[start::every]:
                if format_name == "onnx":
                    verdict = run_onnx(vector, label, worker, folder)
                    right = verdict.agrees
                else:
                    verdict = run_jax(vector, label, worker, folder)
                    right = verdict.ours == PASSED or (
                        verdict.ours == FAILED and refused_rightly(verdict, vector)
                    )
                verdicts.append(verdict)
                if not right:
                    wrong.append(verdict)
    return verdicts, wrong


def main() -> int:
    """Run what the command line asks for; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("format", choices=("onnx", "jax"))
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth vector")
    options = parser.parse_args()
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    verdicts, wrong = check(options.format, options.every)
    for verdict in wrong:
        print(f"{verdict.name}: {verdict.ours}, directly {verdict.direct}: {verdict.reason}")
    counts = Counter((verdict.ours, verdict.outcome) for verdict in verdicts)
    for (ours, outcome), count in sorted(counts.items()):
        print(f"{count:6} {ours} ({outcome})")
    print(f"{len(verdicts)} vectors, {len(wrong)} not as they should be")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
