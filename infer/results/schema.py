"""Write the files of docs/schema: `python -m infer.results.schema`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..artifacts.manifest import Manifest
from ..records.schema import render, results_schema, schema_of
from .summary import Summary


def summary_schema() -> dict[str, Any]:
    """The schema of what `run --json` and `show --json` write."""
    return schema_of(Summary, "What a run came to: the output of run --json and show --json")


def manifest_schema() -> dict[str, Any]:
    """The schema of the `manifest.json` beside a payload."""
    return schema_of(Manifest, "The manifest of an artifact: manifest.json beside its payload")


SCHEMAS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "manifest.json": manifest_schema,
    "results.json": results_schema,
    "summary.json": summary_schema,
}


def main(folder: Path) -> None:
    """Write the schemas to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, schema in SCHEMAS.items():
        (folder / name).write_text(render(schema()), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write the JSON schemas of docs/schema.")
    parser.add_argument("folder", type=Path, nargs="?", default=Path("docs/schema"))
    main(parser.parse_args().folder)
