"""Runs one exporter in this process: `python -m export.worker JOB.json`.

Every export has its own process: the frameworks do not share one well, their output stays hidden,
and a crash does not affect the others.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import sys
import traceback
import warnings
from pathlib import Path
from types import ModuleType

import numpy as np

from export.signature import INPUT, OUTPUT
from infer.exporter import Exporter
from infer.external_module import ExternalModule
from train.weights import load_weights

# One image, a batch that no size divides, and the batch of the training.
CHECKED_BATCHES = (1, 7, 128)


def main(job_file: Path) -> None:
    """Run a job: export, then predict with the framework itself for the check."""
    job = json.loads(job_file.read_text())
    external = job["exporter"].pop("external")
    exporter = Exporter(**job["exporter"], external=external and ExternalModule(**external))
    folder = Path(job["folder"])
    arrays, _ = load_weights(Path(job["weights"]))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        module = _module(exporter)
        device = {"device": job["device"]} if exporter.compiles else {}
        predict = module.export(arrays, job["size"], folder / exporter.payload, **device)
    images = np.load(job["images"], allow_pickle=False)
    for batch in CHECKED_BATCHES:
        np.savez(
            folder / f"check-{batch}.npz",
            **{INPUT: images[:batch], OUTPUT: predict(images[:batch])},
        )
    seen = dict.fromkeys(
        f"{entry.category.__name__}: {str(entry.message).strip().splitlines()[0]}"
        for entry in caught
        if issubclass(entry.category, DeprecationWarning | FutureWarning | UserWarning)
    )
    result = {
        "warnings": list(seen),
        "producer": {name: importlib.metadata.version(name) for name in exporter.distributions},
    }
    (folder / "result.json").write_text(json.dumps(result))


def _module(exporter: Exporter) -> ModuleType:
    """Import the module of an exporter; that of a plug-in from where the controller found it."""
    if exporter.external:
        return exporter.external.load()
    return importlib.import_module(f"export.{exporter.module}")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except Exception as error:
        traceback.print_exc()
        # The last line is shown. The first of a message has the cause; frameworks add advice.
        lines = str(error).strip().splitlines()
        sys.exit(f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__)
