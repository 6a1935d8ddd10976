"""What a plug-in declares of itself: the types of `exportbench.toml` (docs/adding-a-format.md)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from .formats.content import HEAD_BYTES, Content


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
    shelf_life_days: Annotated[int, msgspec.Meta(ge=1, le=36500)] | None = None
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
        function: in it, `function(outputs, truth)` of arrays by name, which returns a number for
            each sample, or one for all.
        lower_is_better: whether a lower value is better.
    """

    module: str
    function: str = "metric"
    lower_is_better: bool = False


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
