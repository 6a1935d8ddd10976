"""Formats, runtimes, metrics and exporters of other packages.

A package offers them by entry points, of which the group says what and the name says which:

    [project.entry-points."exportbench.runtimes"]
    executorch = "exportbench_executorch"

The value is the package's name, and in the package's folder lies `exportbench.toml`, which says all
that is to be known before any of its code runs: docs/adding-a-format.md has its fields. A file of
data, since this process imports nothing of a plug-in: its code runs in workers and readers, with
their limits, and those are told the file to import, so that nothing is looked for while something
is timed and another interpreter needs no more than the library.

A plug-in that cannot be used is refused, and the others work.
"""

from __future__ import annotations

import importlib.util
import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import msgspec

from .exporter import Exporter
from .external_module import ExternalModule
from .formats.base import NOT_DECLARED, Format
from .formats.content import Content
from .formats.registry import FORMATS
from .formats.safe_paths import beside
from .metrics.own_metric import METRICS, OwnMetric
from .metrics.tasks import is_built_in
from .plugin_declaration import (
    Declaration,
    ExporterDeclaration,
    FormatDeclaration,
    Mark,
    MetricDeclaration,
    RuntimeDeclaration,
)
from .regular_file import read_text_as_named
from .runtimes.registry import RUNTIMES, Runtime

CONTRACT = 1
DECLARATION = "exportbench.toml"
_MOST_BYTES = 1 << 20  # of a declaration
# What a plug-in may be, by the group of its entry point; in the order that they depend on.
GROUPS = {
    "exportbench.formats": "format",
    "exportbench.runtimes": "runtime",
    "exportbench.metrics": "metric",
    "exportbench.exporters": "exporter",
}
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True)
class Plugin:
    """A plug-in that is installed.

    Attributes:
        kind: "format", "runtime", "metric" or "exporter".
        name: of the format, runtime, metric or exporter.
        distribution: that it is installed with.
        version: of the distribution.
        file: its declaration, or what its entry point names where there is none.
        problem: why it is refused; empty if it is used.
    """

    kind: str
    name: str
    distribution: str
    version: str
    file: str
    problem: str = ""

    @property
    def refusal(self) -> str:
        """Why it is refused, as a line for the user."""
        return (
            f"plug-in {self.name} ({self.kind} of {self.distribution} {self.version}): "
            f"{self.problem}"
        )


# Exporters by name. Exporting is run from a checkout, where `export` takes them from here.
EXPORTERS: dict[str, Exporter] = {}
# Name, declaration, package and folder of each format that was registered.
_format_declarations: list[list[Any]] = []


class _Refused(Exception):  # noqa: N818 - it is an answer
    """Why a plug-in is not used, in words."""


@cache
def register() -> tuple[Plugin, ...]:
    """Put what is installed into the registries, once a process; those that are refused too."""
    plugins = []
    for group, kind in GROUPS.items():
        # Of two with one name the first is used, whatever the order of the import path.
        for entry in sorted(entry_points(group=group), key=_origin):
            distribution, version = _origin(entry)
            file, problem = entry.value, ""
            try:
                folder = _folder(entry)
                file = str(folder / DECLARATION)
                declaration = _read(folder / DECLARATION)
                _REGISTER[kind](entry.name, declaration, entry.value, folder)
            except _Refused as refused:
                problem = str(refused)
            except Exception as error:  # others work, whatever one declares
                problem = f"{file}: cannot be used ({type(error).__name__}: {error})"
            plugins.append(Plugin(kind, entry.name, distribution, version, file, problem))
    return tuple(plugins)


def _origin(entry: EntryPoint) -> tuple[str, str]:
    if entry.dist is None:
        return "", ""
    return entry.dist.name or "", entry.dist.version or ""  # its METADATA may lack them


def _folder(entry: EntryPoint) -> Path:
    """The folder of the package that an entry point names; nothing of it is imported."""
    if not entry.value.isidentifier():
        raise _Refused(
            f"its entry point is '{entry.value}': it must be the name of a package, without dots"
        )
    if entry.dist:  # before what else has that name on the import path
        folder = Path(str(entry.dist.locate_file(entry.value)))
        if (folder / DECLARATION).is_file():
            return folder.resolve()
    try:
        spec = importlib.util.find_spec(entry.value)
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.submodule_search_locations:
        raise _Refused(f"there is no package {entry.value}; install it again")
    return Path(spec.submodule_search_locations[0]).resolve()


@cache
def _read(file: Path) -> Declaration:
    try:
        value = tomllib.loads(read_text_as_named(file, _MOST_BYTES))
    except OSError as error:
        raise _Refused(f"{file}: cannot be read ({error.strerror or error})") from None
    except (ValueError, RecursionError) as error:
        raise _Refused(f"{file}: not TOML ({error})") from None
    contract = value.get("contract")
    if contract != CONTRACT:
        raise _Refused(
            f"{file}: is made for version {contract} of the contract, this program has {CONTRACT}; "
            "install versions of the two that fit"
        )
    try:
        return msgspec.convert(value, Declaration)
    except msgspec.ValidationError as error:
        raise _Refused(f"{file}: {error}") from None


def _declared(declared: dict[str, Any], name: str, taken: Iterable[str]) -> Any:
    if not _NAME.fullmatch(name):
        raise _Refused("a name has small letters, digits and hyphens only")
    if name not in declared:
        raise _Refused(f"{DECLARATION} does not declare it")
    if name in taken:
        raise _Refused("another has that name, which is used; uninstall one of them")
    return declared[name]


def _module(package: str, folder: Path, module: str) -> ExternalModule:
    external = ExternalModule(package, str(folder), module)
    if not module.isidentifier() or not external.file.is_file():
        raise _Refused(f"{folder} has no module {module}")
    return external


def format_declarations() -> list[list[Any]]:
    """The formats of plug-ins as JSON takes them, for `register_declared` of another process."""
    return _format_declarations


def register_declared(declared: list[list[Any]]) -> None:
    """Register the formats that `format_declarations` of another process gave."""
    for name, stated, package, folder in declared:
        value = msgspec.convert(stated, FormatDeclaration)
        FORMATS[name] = _format(name, value, package, Path(folder))


def _register_format(name: str, declaration: Declaration, package: str, folder: Path) -> None:
    stated: FormatDeclaration = _declared(declaration.formats, name, FORMATS)
    FORMATS[name] = _format(name, stated, package, folder)
    _format_declarations.append([name, msgspec.to_builtins(stated), package, str(folder)])


def _format(name: str, stated: FormatDeclaration, package: str, folder: Path) -> Format:
    executes_code = stated.executes_code
    if executes_code is True:
        executes_code = "" if stated.code_depends else NOT_DECLARED
    return Format(
        name,
        stated.title,
        executes_code=executes_code or None,
        code_depends=stated.code_depends or None,
        shelf_life=timedelta(days=stated.shelf_life_days) if stated.shelf_life_days else None,
        names_functions=stated.names_functions,
        in_folder=stated.in_folder,
        has_marks=_has_marks(stated.marks) if stated.marks else None,
        companions=_companions(stated.companions),
        external=_module(package, folder, stated.reader) if stated.reader else None,
    )


def _has_marks(marks: tuple[Mark, ...]) -> Callable[[Content], bool]:
    return lambda content: any(mark.shows(content) for mark in marks)


def _companions(names: tuple[str, ...]) -> Callable[[Path], list[Path]]:
    return lambda path: [beside(path, name.replace("{stem}", path.stem)) for name in names]


def _register_runtime(name: str, declaration: Declaration, package: str, folder: Path) -> None:
    stated: RuntimeDeclaration = _declared(declaration.runtimes, name, RUNTIMES)
    unknown = [format_name for format_name in stated.formats if format_name not in FORMATS]
    if unknown or not stated.formats:
        raise _Refused(f"takes the format '{', '.join(unknown)}', which is not known here")
    if stated.package is not None and not stated.package.isidentifier():
        raise _Refused(f"needs the package '{stated.package}': it must be a name without dots")
    if not set(stated.devices) <= {"cpu", "cuda"} or not stated.devices:
        raise _Refused(f"runs on {', '.join(stated.devices)}: cpu and cuda can be asked for")
    RUNTIMES[name] = Runtime(
        stated.module,
        stated.package,
        stated.distributions,
        stated.install,
        stated.formats,
        stated.devices,
        stated.cuda_files,
        external=_module(package, folder, stated.module),
    )


def _register_metric(name: str, declaration: Declaration, package: str, folder: Path) -> None:
    taken = (name,) if is_built_in(name) else METRICS
    stated: MetricDeclaration = _declared(declaration.metrics, name, taken)
    if not stated.function.isidentifier():
        raise _Refused(f"its function is '{stated.function}': it must be a name")
    METRICS[name] = OwnMetric(
        name,
        stated.function,
        stated.lower_is_better,
        external=_module(package, folder, stated.module),
    )


def _register_exporter(name: str, declaration: Declaration, package: str, folder: Path) -> None:
    stated: ExporterDeclaration = _declared(declaration.exporters, name, EXPORTERS)
    if stated.format not in FORMATS:
        raise _Refused(f"writes the format '{stated.format}', which is not known here")
    if Path(stated.payload).name != stated.payload or stated.payload in ("", ".."):
        raise _Refused(f"writes '{stated.payload}': it must be the name of one file or folder")
    EXPORTERS[name] = Exporter(
        **msgspec.structs.asdict(stated), external=_module(package, folder, stated.module)
    )


_REGISTER = {
    "format": _register_format,
    "runtime": _register_runtime,
    "metric": _register_metric,
    "exporter": _register_exporter,
}
