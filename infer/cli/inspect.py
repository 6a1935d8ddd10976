"""The command `exportbench inspect`: describe an artifact without loading it."""

from __future__ import annotations

import argparse
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ..arguments import common_options
from ..artifacts.precision import contradiction, precision_of
from ..console import one_line, print_trimmed
from ..exit_status import OK
from ..formats.description import Description
from ..runtimes.registry import RUNTIMES, runtimes_for
from ..sandbox.artifact_reader import check_files, contents, describe_artifact, open_artifact
from ..system.interpreters import versions
from ..tensors.precision import Precision
from ..tensors.signature import Signature, TensorSpec
from .console import emit

_SHOWN_OPERATORS = 12
_NAMELESS = "(its one function)"


@dataclass(frozen=True)
class Inspection:
    """The description of an artifact, from its files and its manifest.

    Attributes:
        path: as the user gave it.
        payload: the file or folder that a runtime would load.
        sha256: SHA-256 of all its files and their names, as `--trust` takes it.
        bytes: size of all its files.
        files: number of its files.
        description: the description read from the payload.
        precision: the one that the artifact is judged by.
        executes_code: why loading or running it may do more than arithmetic; None if it cannot.
        created: when it was exported, if a manifest says so.
        expires: until when its format promises to load it, if there is a limit and a manifest.
        runtimes: those that take it, the default first: `name`, `versions` (empty where it is not
            installed) and `install`, the command that installs it.
    """

    path: str
    payload: str
    sha256: str
    bytes: int
    files: int
    description: Description
    precision: Precision
    executes_code: str | None
    created: str | None
    expires: str | None
    runtimes: tuple[dict[str, Any], ...]

    def describe(self) -> dict[str, Any]:
        """The inspection for JSON."""
        value: dict[str, Any] = asdict(self)
        description = value.pop("description")
        del description["executes_code"], description["graph_precision"]
        precision = {
            "precision": self.precision.name,
            "arithmetic": self.precision.arithmetic,
            "quantisation": value["precision"]["quantisation"],
        }
        return {**description, **value, **precision}


def add(actions: Any) -> None:
    """Add the command to the others."""
    parser: argparse.ArgumentParser = actions.add_parser(
        "inspect",
        help="say what an artifact is, without loading it",
        description="Say format, signatures, precision, operators, size and producer of an "
        "artifact, whether loading it can execute code, and what runs it here. The file is read, "
        "never loaded, in a process with limits. Exit status 2 if it is damaged or unknown.",
        epilog="example: exportbench inspect model.onnx --json -",
    )
    parser.add_argument("artifact", type=Path, metavar="PATH", help="artifact folder or payload")
    common_options.add_json(parser)
    parser.set_defaults(command=run)


def inspect(path: Path) -> Inspection:
    """Describe an artifact.

    Raises:
        ArtifactError: it is missing, damaged, altered or of no known format.
    """
    artifact = open_artifact(path)
    check_files(artifact, is_loaded=False)
    description = describe_artifact(artifact)
    content = contents(artifact)
    manifest = artifact.manifest
    precision = precision_of(description.precision, manifest)
    note = contradiction(precision, manifest)
    if note:
        description = replace(description, notes=(*description.notes, note))
    runtimes = tuple(
        {"name": name, "versions": versions(name), "install": RUNTIMES[name].install}
        for name in runtimes_for(artifact.format)
    )
    return Inspection(
        path=str(path),
        payload=str(artifact.payload),
        sha256=content.sha256,
        bytes=content.bytes,
        files=len(content.files),
        description=_named(description, manifest.signature if manifest else None),
        precision=precision,
        executes_code=description.executes_code,
        created=manifest.created if manifest else None,
        expires=manifest.expires if manifest else None,
        runtimes=runtimes,
    )


def run(options: argparse.Namespace) -> int:
    """Inspect an artifact, and show the result; return the exit status.

    Raises:
        ArtifactError: it is missing, damaged, altered or of no known format.
    """
    inspection = inspect(options.artifact)
    emit(inspection.describe(), lambda console: show(inspection, console), options.json)
    return OK


def show(inspection: Inspection, console: Console) -> None:
    """Print an inspection."""
    description = inspection.description
    files = "files" if inspection.files > 1 else "file"
    facts = [
        ("format", f"{description.format}, {description.version}"),
        ("size", f"{inspection.bytes:,} bytes in {inspection.files} {files}"),
        ("sha256", inspection.sha256),
        ("producer", description.producer or "not said in the file"),
        ("precision", inspection.precision.text or "not said in the file"),
        ("weights", ", ".join(f"{n} {size:,} bytes" for n, size in description.weights.items())),
        ("operators", _operators(description)),
        ("devices", _devices(description)),
        ("executes code", f"yes: {inspection.executes_code}" if inspection.executes_code else "no"),
        ("created", inspection.created or ""),
        ("loads until", inspection.expires or ""),
    ]
    facts += [("runs here in", _runtime(runtime)) for runtime in inspection.runtimes]
    facts += [("note", note) for note in description.notes]
    console.print(one_line(inspection.path, style="bold"))
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    for title, value in facts:
        if value:
            table.add_row(title, one_line(value))
    print_trimmed(console, table)
    for name, signature in description.signatures.items():
        console.print()
        print_trimmed(console, _signature(name, signature))


def _named(description: Description, stated: Signature | None) -> Description:
    """Use the manifest's signature in the description if the file's own has no names."""
    if stated is None or set(description.signatures) != {""}:
        return description
    return Description(**vars(description) | {"signatures": {"": stated}})


def _operators(description: Description) -> str:
    counts = list(description.operators.items())
    text = ", ".join(f"{name} {count}" for name, count in counts[:_SHOWN_OPERATORS])
    left = len(counts) - _SHOWN_OPERATORS
    return f"{text} and {left} more kinds" if left > 0 else text


def _devices(description: Description) -> str:
    text = ", ".join(description.platforms)
    return f"{description.devices} of {text}" if description.devices > 1 else text


def _runtime(runtime: dict[str, Any]) -> str:
    if not runtime["versions"]:
        return f"{runtime['name']}: not installed, {runtime['install']}"
    return ", ".join(f"{name} {version}" for name, version in runtime["versions"].items())


def _signature(name: str, signature: Signature) -> Table:
    table = Table(box=None, pad_edge=False, title=name or _NAMELESS, title_justify="left")
    for title in ("", "name", "dtype", "shape"):
        table.add_column(title, style="dim" if not title else None)
    for kind, specs in (("input", signature.inputs), ("output", signature.outputs)):
        for spec in specs:
            table.add_row(
                kind, one_line(spec.name), one_line(spec.dtype), one_line(shape_text(spec))
            )
    return table


def shape_text(spec: TensorSpec) -> str:
    """Format a shape for people; a free size without a name is a question mark."""
    if not spec.sizes:
        return "unknown" if spec.shape is None else "single value"
    return " x ".join("?" if size is None else str(size) for size in spec.sizes)
