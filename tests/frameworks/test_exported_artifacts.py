"""All formats, exported by the command, and their manifests."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from commands import FORMATS, Exported, Trained
from exports import sha256_of

from export.exporters import EXPORTERS
from infer.artifacts.artifact import open_artifact
from infer.artifacts.discovery import discover
from infer.artifacts.integrity import check_files
from infer.formats.protobuf import Message
from train import synthetic

pytest_plugins = ("frameworks",)


def test_all_formats_are_exported_and_nothing_else(exported: Exported) -> None:
    assert {path.name for path in discover(exported.out)} == set(FORMATS)
    assert {path.name for path in exported.folder.iterdir()} == set(FORMATS)
    for name in FORMATS:
        files = {path.name for path in (exported.folder / name).iterdir()}
        assert files == {"manifest.json", EXPORTERS[name].payload}


def test_the_terminal_shows_a_line_a_format_and_no_exporters_noise(exported: Exported) -> None:
    assert exported.done.stdout == ""
    left_out, notice, *lines = exported.done.stderr.splitlines()
    assert left_out.startswith("aotinductor is left out: ")
    assert notice.startswith("*** SYNTHETIC DATA")
    assert len(lines) == len(FORMATS)
    for number, line in enumerate(lines, 1):
        assert line.startswith(f"[{number}/{len(FORMATS)}] "), line
        assert str(exported.folder) in line
        assert "differs from the framework's own prediction by at most" in line


@pytest.mark.parametrize("name", FORMATS)
def test_the_manifest_says_what_the_artifact_is(
    exported: Exported, settled: Path, trained: Trained, name: str
) -> None:
    manifest, exporter = exported.manifest(name), EXPORTERS[name]
    assert manifest["manifest_version"] == 1
    assert manifest["name"] == name
    for key in ("format", "framework", "native", "payload"):
        assert manifest[key] == getattr(exporter, key), key
    # jax.export's may too: they call what is registered in jaxlib.
    assert manifest["executes_code"] == (exporter.format != "onnx")
    assert manifest["signature"] == {
        "inputs": [
            {
                "name": "image",
                "shape": ["batch", 28, 28, 3],
                "dtype": "float32",
                "range": [0.0, 1.0],
            }
        ],
        "outputs": [
            {
                "name": "probabilities",
                "shape": ["batch", 8],
                "dtype": "float32",
                "range": [0.0, 1.0],
            }
        ],
    }
    assert manifest["precision"] == "float32"
    assert manifest["weights"] == {
        "name": settled.stem,
        "sha256": sha256_of(settled),
        "framework": "torch",
        "profile": trained.record("torch")["recipe"]["profile"],
        "dataset": "synthetic",
    }
    assert set(manifest["producer"]) == set(exporter.distributions)
    assert all(manifest["producer"].values())
    assert manifest["classes"] == list(synthetic.CLASS_NAMES)
    assert any("SYNTHETIC" in notice for notice in manifest["notices"])


@pytest.mark.parametrize("name", FORMATS)
def test_every_file_of_an_artifact_is_hashed(exported: Exported, name: str) -> None:
    folder = exported.folder / name
    files = {
        path.relative_to(folder).as_posix(): {
            "sha256": sha256_of(path),
            "bytes": path.stat().st_size,
        }
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    assert exported.manifest(name)["files"] == files
    check_files(open_artifact(folder))


@pytest.mark.parametrize("name", FORMATS)
def test_every_artifact_was_checked_at_several_batches(exported: Exported, name: str) -> None:
    verified = exported.manifest(name)["verified"]
    assert set(verified["differences"]) == {"1", "7", "128"}
    assert verified["tolerance"] == 1e-4
    assert 0 <= max(verified["differences"].values()) < 1e-5


@pytest.mark.parametrize("name", FORMATS)
def test_the_manifest_leads_to_the_evaluation_file(exported: Exported, name: str) -> None:
    stated = exported.manifest(name)["evaluation"]
    path = exported.folder / name / stated["file"]
    assert not Path(stated["file"]).is_absolute()
    assert path.resolve().parent == exported.out.parent.resolve() / "inputs"
    assert sha256_of(path) == stated["sha256"]
    with np.load(path) as arrays:
        assert arrays["image"].shape == (1024, 28, 28, 3)


@pytest.mark.parametrize("name", FORMATS)
def test_only_jax_export_expires(exported: Exported, name: str) -> None:
    manifest = exported.manifest(name)
    if name != "jax-export":
        assert manifest["expires"] is None
        return
    made, end = (datetime.fromisoformat(manifest[key]) for key in ("created", "expires"))
    assert timedelta(days=170) < end - made < timedelta(days=190)
    assert made.tzinfo is not None
    assert end.tzinfo is not None


def test_the_manifest_of_torchscript_has_the_deprecation(exported: Exported) -> None:
    warnings = exported.manifest("torchscript")["warnings"]
    assert any("deprecated" in warning for warning in warnings), warnings
    for name in FORMATS:
        assert all("\n" not in warning for warning in exported.manifest(name)["warnings"])


def test_products_of_jax_ask_for_float32_in_what_is_exported(exported: Exported) -> None:
    pytest.importorskip("jax")
    from jax import export

    from infer.runtimes.jax_precision import products_of

    payload = exported.folder / "jax-export" / "model.jax"
    program = export.deserialize(bytearray(payload.read_bytes()))
    assert program.platforms == ("cpu", "cuda")
    lines = [line for line in program.mlir_module().splitlines() if " stablehlo." in line]
    for kind in ("convolution", "dot_general"):
        products = [line for line in lines if f"stablehlo.{kind}" in line]
        assert products and all(line.count("HIGHEST") == 2 for line in products)
    modules = [program.mlir_module_serialized, *_xla_modules(exported.folder / "jax2tf")]
    assert len(modules) > 1
    assert {products_of(module).requested_precision for module in modules} == {"highest"}


def _xla_modules(artifact: Path) -> list[bytes]:
    """What the operators XlaCallModule of a SavedModel run (saved_model.proto, graph.proto)."""
    file = Message(memoryview((artifact / "saved_model" / "saved_model.pb").read_bytes()))
    library = file.message(2).message(2).message(2)
    nodes = [node for function in library.messages(1) for node in function.messages(3)]
    attributes = [
        attribute
        for node in nodes
        if node.string(2) == "XlaCallModule"
        for attribute in node.messages(5)
        if attribute.string(1) == "module"
    ]
    return [bytes(attribute.message(2).raw(2)[0]) for attribute in attributes]
