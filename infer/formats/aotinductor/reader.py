"""Describe a package of AOTInductor (.pt2).

A package holds a shared library, which is not read, and the C++ source that it was compiled from.
The inputs and outputs are found by searching that source (generated_code.py). All files
lie in one folder of the archive, `data/aotinductor/<name of the model>`, without subfolders.
"""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections import Counter
from collections.abc import Set
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import ArtifactError, DamagedError
from ...tensors.precision import Precision
from ...tensors.signature import Signature, TensorSpec
from ..archive import DAMAGE, Archive
from ..description import Description
from .generated_code import (
    count_operators,
    find_constants,
    find_inputs,
    find_outputs,
    find_precision,
    fixed_threads,
    unread_tensors,
    used_weights,
    written_tensors,
)

FOLDER = "data/aotinductor/"
LIBRARY = ".so"
# The largest accepted ratio of a package's unpacked size to its size.
_MOST_TIMES, _LEAST_BYTES = 10, 64 << 20
_MOST_TEXT = 256 << 20  # bytes; the C++ is some kilobytes for every operator
_FILE = re.compile(r"[\w+-][\w.+-]*")  # names of files that PyTorch writes


@dataclass(frozen=True)
class Package:
    """The contents of a package, as far as they can be read without loading it.

    Attributes:
        files: the archive's entries that belong to the model, by the name of the file.
        library: the name of the shared library to load.
        device: the kind of device that it was compiled for, "cpu" or "cuda".
        machine: the processor architecture, as "x86_64"; empty if not stated, like the next two.
        instructions: instruction sets that the processor must have, as "AVX512".
        capability: the card's compute capability, as "90".
        inputs: the inputs, named by their place among the arguments.
        strides: the strides of each input that the code assumes, by dimension.
        outputs: names of the outputs; shapes and dtypes are not known.
        operators: number of calls of each operator; compiled kernels have their own names.
        weights: bytes of the weights, by dtype.
        notes: what a user should know.
        problem: why no runtime here can run it; None if one can.
        precision: from the types that the source names.
    """

    files: dict[str, zipfile.ZipInfo]
    library: str
    device: str
    machine: str
    instructions: tuple[str, ...]
    capability: str
    inputs: tuple[TensorSpec, ...]
    strides: tuple[dict[int, int], ...]
    outputs: tuple[TensorSpec, ...]
    operators: Counter[str]
    weights: Counter[str]
    notes: tuple[str, ...] = field(default=())
    problem: str | None = None
    precision: Precision = field(default_factory=Precision)


def is_package(names: Set[str]) -> bool:
    """Whether the entries, less their common folder, are those of an AOTInductor package."""
    return any(name.startswith(FOLDER) for name in names)


def describe(path: Path) -> Description:
    """Describe a package from the files beside the shared library.

    Raises:
        ArtifactError: it is damaged, or holds something else than one compiled model.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            package = read_package(archive)
    except DAMAGE as error:
        raise DamagedError(f"a damaged archive ({type(error).__name__}: {error})") from None
    notes = [*package.notes, package.problem or ""]
    if package.device == "cpu":
        notes.insert(0, f"compiled for processors of one kind: {_processor(package)}")
    elif package.capability:
        notes.insert(0, f"compiled for cards of compute capability {package.capability}")
    return Description(
        "aotinductor",
        f"compiled for {package.device}",
        "torch",
        {"": Signature(package.inputs, package.outputs)},
        dict(package.weights.most_common()),
        dict(package.operators.most_common()),
        executes_code="loading it runs the shared library that it holds",
        platforms=(package.device,),
        notes=tuple(note for note in notes if note),
        graph_precision=package.precision,
    )


def read_package(opened: zipfile.ZipFile) -> Package:
    """Read an open package without loading it.

    Raises:
        ArtifactError: it is damaged, or holds something else than one compiled model.
    """
    archive = Archive(opened, _MOST_TEXT)
    if any(name.startswith("models/") for name in archive.entries):
        raise ArtifactError(
            "holds an exported program and code that AOTInductor compiled; save each in a file of "
            "its own"
        )
    folder, files = _files(archive)
    size = sum(info.file_size for info in files.values())
    packed = os.fstat(opened.fp.fileno()).st_size if opened.fp else 0
    if size > max(_LEAST_BYTES, _MOST_TIMES * packed):
        raise ArtifactError(f"its {packed:,} bytes would unpack to {size:,}")
    metadata = _metadata(archive, folder, files)
    device = str(metadata.get("AOTI_DEVICE_KEY", ""))
    if device not in ("cpu", "cuda", "xpu", "mps"):
        raise DamagedError("it does not say which device it was compiled for")
    sources = [
        archive.read(folder + name).decode("utf-8", "replace")
        for name in files
        if name.endswith(".cpp")
    ]
    wrapper = next((text for text in sources if "in_spec_ = " in text), "")
    inputs, strides, notes = find_inputs(wrapper)
    weights, names = find_constants(wrapper)
    written = names & written_tensors(wrapper)
    unread = unread_tensors(sources, wrapper, written)
    if written - unread:
        notes.append("keeps state from call to call")
    notes += [
        f"'{name}' keeps no state: calls write to it, and none reads it" for name in sorted(unread)
    ]
    fixed = fixed_threads(sources)
    if fixed:
        notes.append(f"its own kernels take {' or '.join(sorted(fixed))} threads, whatever is set")
    return Package(
        files=files,
        library=next(iter(_libraries(files)), ""),
        device=device,
        machine=str(metadata.get("AOTI_MACHINE", "")),
        instructions=tuple(_instructions(metadata)),
        capability=str(metadata.get("AOTI_COMPUTE_CAPABILITY", "")),
        inputs=inputs,
        strides=strides,
        outputs=find_outputs(wrapper),
        operators=count_operators(wrapper, files),
        weights=weights,
        notes=tuple(notes),
        problem=_problem(archive, files),
        precision=find_precision(sources, {spec.dtype for spec in inputs}, used_weights(wrapper)),
    )


def unfit(package: Package, device: str, machine: str) -> str | None:
    """Explain why a package cannot run on a device of a machine; None if it may.

    Args:
        package: the package, as `read_package` read it.
        device: "cpu" or "cuda".
        machine: the processor architecture, as "x86_64".
    """
    if package.problem:
        return package.problem
    if package.device != device:
        return (
            f"compiled for {package.device}, asked for {device}: use --device {package.device}, "
            f"or compile it for {device}"
        )
    if package.machine and package.machine != machine:
        return f"compiled for {package.machine}, this machine is {machine}: compile it here"
    return None


def _files(archive: Archive) -> tuple[str, dict[str, zipfile.ZipInfo]]:
    """Find the folder of the only model, and its files by name."""
    members = {name: info for name, info in archive.entries.items() if name.startswith(FOLDER)}
    models = {name[len(FOLDER) :].partition("/")[0] for name in members}
    if len(models) != 1:
        raise ArtifactError(
            f"holds several compiled models ({', '.join(sorted(models)[:5])}); package each in a "
            "file of its own"
        )
    folder = f"{FOLDER}{models.pop()}/"
    files = {}
    for entry, info in members.items():
        name = entry[len(folder) :]
        if not _FILE.fullmatch(name):
            raise DamagedError(f"an archive with the entry '{info.filename[:200]}'")
        files[name] = info
    return folder, files


def _libraries(files: dict[str, zipfile.ZipInfo]) -> list[str]:
    """List the shared libraries, the model's first; the others hold its kernels."""
    return sorted(
        (name for name in files if name.endswith(LIBRARY)),
        key=lambda name: not name.endswith(f".wrapper{LIBRARY}"),
    )


def _metadata(
    archive: Archive, folder: str, files: dict[str, zipfile.ZipInfo]
) -> dict[str, object]:
    beside = [f"{Path(name).with_suffix('')}_metadata.json" for name in _libraries(files)]
    names = [name for name in beside if name in files] or [
        name for name in sorted(files) if name.endswith("_metadata.json")
    ]
    if not names:
        raise DamagedError("it does not say which device it was compiled for")
    metadata = json.loads(archive.read(folder + names[0]))
    return dict(metadata)


def _instructions(metadata: dict[str, object]) -> list[str]:
    stated = str(metadata.get("AOTI_CPU_ISA", "")).split()
    return [name for name in stated if re.fullmatch(r"[A-Z]+[A-Z0-9_]*", name)]


def _problem(archive: Archive, files: dict[str, zipfile.ZipInfo]) -> str | None:
    if not _libraries(files):
        return (
            "holds its code as C++ only, which is never compiled here; package it without "
            "aot_inductor.package_cpp_only"
        )
    if any(name.endswith((".blob", "weights_config.json")) for name in files):
        return (
            "its weights are not in its library; package it with "
            "aot_inductor.package_constants_in_so"
        )
    if any(name.startswith("data/constants/") for name in archive.entries):
        return "holds custom objects, which are pickles and never opened"
    return None


def _processor(package: Package) -> str:
    return " ".join((package.machine, *package.instructions)).strip() or "it does not say which"
