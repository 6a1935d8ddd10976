"""The machine, setup and runtimes of a run, for the page."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..results import code_execution, formatting
from ..results.summary import ArtifactResult, Summary
from .table import ARTIFACT, ArtifactColumn, Cell, Kind, Table, table_of, text_cell


def environment_facts(summary: Summary) -> list[tuple[str, str]]:
    """Names and texts of the known facts about machine and setup."""
    run = summary.run
    machine, protocol = run.environment, run.protocol
    gpus = [
        f"{gpu.name} ({gpu.uuid}), {formatting.binary_size(gpu.memory_bytes)}, driver {gpu.driver}"
        for gpu in machine.gpus
    ]
    return [
        ("processor", f"{machine.processor}, {machine.cores} cores"),
        ("memory", f"{machine.memory_bytes / 2**30:,.1f} GiB"),
        ("GPU", "; ".join(gpus) or "none"),
        ("system", machine.system),
        ("Python", machine.python),
        ("load at start", ", ".join(f"{load:.1f}" for load in machine.load_average)),
        ("device and threads", f"{summary.device}, {run.threads} threads"),
        (
            "protocol",
            f"{protocol.name}: {summary.generations} generations of processes, "
            f"{protocol.bursts} turns in each, scenarios {', '.join(protocol.scenarios)}, "
            f"batch {protocol.batch}",
        ),
        ("inputs", run.inputs or "those that the artifacts name"),
        ("SHA-256 of the inputs", run.inputs_sha256 or "-"),
        ("ended since", summary.ended or "-"),
    ]


def _versions(row: ArtifactResult) -> str:
    return ", ".join(f"{name} {version}" for name, version in (row.versions or {}).items())


def _settings(row: ArtifactResult) -> str:
    settings = (row.placement or {}).get("settings") or {}
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def _code_on_load(row: ArtifactResult) -> str:
    return code_execution.why(row) or code_execution.unknown(row) or "no"


def _text_cell(text: Callable[[ArtifactResult], str | None], row: ArtifactResult) -> Cell:
    return text_cell(text(row))


def runtimes_table(summary: Summary) -> Table:
    """The table of runtimes: each artifact's runtime, device, and whether it can execute code."""
    texts: dict[tuple[str, str], Callable[[ArtifactResult], str | None]] = {
        ("format", "format"): lambda row: row.format,
        ("runtime", "runtime"): _versions,
        ("device", "ran on"): lambda row: (row.placement or {}).get("device"),
        ("settings", "settings"): _settings,
        ("code_on_load", "code on load"): _code_on_load,
        ("sha256", "SHA-256"): lambda row: (row.sha256 or "")[:12],
    }
    columns = [
        ARTIFACT,
        *(
            ArtifactColumn(key, title, is_text=True, cell=partial(_text_cell, text))
            for (key, title), text in texts.items()
        ),
    ]
    return table_of(Kind.RUNTIMES, "Artifacts and their runtimes", columns, summary.rows)
