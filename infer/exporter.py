"""What must be known of an exporter, ours or a plug-in's, without importing it."""

from __future__ import annotations

from dataclasses import dataclass

from .external_module import ExternalModule


@dataclass(frozen=True)
class Exporter:
    """How to export to a format.

    Attributes:
        module: below `export`, or in the package of a plug-in.
        format: as in `infer.formats`, which knows whether it executes code and how long it lasts.
        framework: the framework that the network is written in: "keras", "torch" or "flax".
        payload: name of the file or folder.
        needs: packages that must be importable together; the check of the artifact has its
            runtime from where it is.
        install: the command that installs them.
        distributions: whose versions are recorded.
        native: whether this is the framework's own deployment format.
        compiles: whether it needs a C++ compiler, and is for one kind of device.
        external: where its module is, if it is a plug-in's; None for one of ours.
    """

    module: str
    format: str
    framework: str
    payload: str
    needs: tuple[str, ...]
    install: str
    distributions: tuple[str, ...] = ()
    native: bool = False
    compiles: bool = False
    external: ExternalModule | None = None
