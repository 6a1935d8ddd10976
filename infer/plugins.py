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
from typing import Any, Literal

import msgspec

from .external_module import ExternalModule
from .formats.base import NOT_DECLARED, Format
from .formats.content import HEAD_BYTES, Content
from .formats.registry import FORMATS
from .formats.safe_paths import beside
from .parity.metric_registry import METRICS, Metric
from .parity.metrics import CLASSIFICATION_METRICS
from .runtimes.registry import RUNTIMES, Runtime

CONTRACT = 1
DECLARATION = "exportbench.toml"
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


class Mark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What shows the format of a file; all that is stated must hold.

    Attributes:
        at: place in the file, in bytes, where `bytes` or `hex` begins.
        bytes: text that stands there.
        hex: the same as hexadecimal digits.
        entry: name in a zip archive, without the folder that all names share.
    """

    at: int = 0
    bytes: str = ""
    hex: str = ""
    entry: str = ""

    def __post_init__(self) -> None:
        if not (self.bytes or self.hex or self.entry) or (self.bytes and self.hex):
            raise ValueError("a mark is `bytes`, or `hex`, or `entry`")
        if not 0 <= self.at <= HEAD_BYTES - len(self._expected):
            raise ValueError(f"a mark lies in the first {HEAD_BYTES} bytes")

    @property
    def _expected(self) -> Any:
        return bytes.fromhex(self.hex) if self.hex else self.bytes.encode()

    def shows(self, content: Content) -> bool:
        """Whether a file has the mark."""
        expected = self._expected
        there = content.head[self.at : self.at + len(expected)] == expected
        return there and (not self.entry or self.entry in content.entries)


class FormatDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A format as `exportbench.toml` declares it; the fields are those of `Format`.

    Attributes:
        title: as people call it.
        reader: module of the package with `describe(path)`; empty if nothing can be read.
        executes_code: false, or why a file can; where it is missing every file needs `--trust`.
        code_depends: what decides about that, where the reader tells it for each file.
        shelf_life_days: for which a file promises to load.
        names_functions: whether a file holds functions by name.
        marks: of which one shows the format of a file.
        in_folder: names of files of which one shows that a folder is of the format.
        companions: names of files beside a payload; `{stem}` is its name without suffix.
    """

    title: str
    reader: str = ""
    executes_code: str | bool = True
    code_depends: str = ""
    shelf_life_days: int | None = None
    names_functions: bool = False
    marks: tuple[Mark, ...] = ()
    in_folder: tuple[str, ...] = ()
    companions: tuple[str, ...] = ()


class RuntimeDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A runtime as `exportbench.toml` declares it; the fields are those of `Runtime`."""

    module: str
    formats: tuple[str, ...]
    install: str
    package: str | None = None
    distributions: tuple[str, ...] = ()
    devices: tuple[str, ...] = ("cpu",)
    cuda_files: str = ""


class MetricDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A metric as `exportbench.toml` declares it.

    Attributes:
        module: of the package.
        function: in it, `function(scores, labels) -> float`: scores N x classes, labels N.
    """

    module: str
    function: str = "metric"


class ExporterDeclaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An exporter as `exportbench.toml` declares it.

    Attributes:
        module: of the package, with `export(weights, size, path)`.
        format: that it writes.
        framework: that the network is written in.
        payload: name of the file or folder.
        needs: packages that must be importable together.
        install: the command that installs them.
        distributions: whose versions are recorded.
    """

    module: str
    format: str
    framework: Literal["keras", "torch", "flax"]
    payload: str
    needs: tuple[str, ...]
    install: str
    distributions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exporter:
    """An exporter of a plug-in: the fields of `ExporterDeclaration`, and where its module is."""

    format: str
    framework: str
    payload: str
    needs: tuple[str, ...]
    install: str
    distributions: tuple[str, ...]
    external: ExternalModule


class Declaration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The content of `exportbench.toml`.

    Attributes:
        contract: the version of the contract that the plug-in is made for.
        formats: by name, as the entry points have it; so are the others.
    """

    contract: int
    formats: dict[str, FormatDeclaration] = {}
    runtimes: dict[str, RuntimeDeclaration] = {}
    metrics: dict[str, MetricDeclaration] = {}
    exporters: dict[str, ExporterDeclaration] = {}


# Exporters by name. Exporting is run from a checkout, where `export` takes them from here.
EXPORTERS: dict[str, Exporter] = {}


class _Refused(Exception):  # noqa: N818 - it is an answer
    """Why a plug-in is not used, in words."""


@cache
def register() -> tuple[Plugin, ...]:
    """Put what is installed into the registries, once a process; those that are refused too."""
    found = []
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
            found.append(Plugin(kind, entry.name, distribution, version, file, problem))
    return tuple(found)


def _origin(entry: EntryPoint) -> tuple[str, str]:
    return (entry.dist.name, entry.dist.version) if entry.dist else ("", "")


def _folder(entry: EntryPoint) -> Path:
    """The folder of the package that an entry point names; nothing of it is imported."""
    if not entry.value.isidentifier():
        raise _Refused(f"its entry point is '{entry.value}': it is to name a package without dots")
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
        value = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise _Refused(f"{file}: cannot be read ({error.strerror or error})") from None
    except ValueError as error:
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


def _register_format(name: str, declaration: Declaration, package: str, folder: Path) -> None:
    stated: FormatDeclaration = _declared(declaration.formats, name, FORMATS)
    executes_code = stated.executes_code
    if executes_code is True:
        executes_code = "" if stated.code_depends else NOT_DECLARED
    FORMATS[name] = Format(
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
        raise _Refused(f"needs the package '{stated.package}': it is to name one without dots")
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
    stated: MetricDeclaration = _declared(
        declaration.metrics, name, (*CLASSIFICATION_METRICS, *METRICS)
    )
    if not stated.function.isidentifier():
        raise _Refused(f"its function is '{stated.function}': it is to be a name")
    METRICS[name] = Metric(name, stated.function, _module(package, folder, stated.module))


def _register_exporter(name: str, declaration: Declaration, package: str, folder: Path) -> None:
    stated: ExporterDeclaration = _declared(declaration.exporters, name, EXPORTERS)
    if stated.format not in FORMATS:
        raise _Refused(f"writes the format '{stated.format}', which is not known here")
    if Path(stated.payload).name != stated.payload or stated.payload in ("", ".."):
        raise _Refused(f"writes '{stated.payload}': it is to name a file or folder, without others")
    EXPORTERS[name] = Exporter(
        stated.format,
        stated.framework,
        stated.payload,
        stated.needs,
        stated.install,
        stated.distributions,
        external=_module(package, folder, stated.module),
    )


_REGISTER = {
    "format": _register_format,
    "runtime": _register_runtime,
    "metric": _register_metric,
    "exporter": _register_exporter,
}
