"""In which precision exported JAX functions ask for their products."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest

jax = pytest.importorskip("jax")

import jax.numpy as jnp  # noqa: E402

from infer.config import RunConfig  # noqa: E402
from infer.runtimes.base import Options  # noqa: E402
from infer.steps.planning import plan_run  # noqa: E402

KERNEL = jnp.ones((3, 3, 3, 4))
DIMENSIONS = ("NHWC", "HWIO", "NHWC")


def network(image, dots="default", convolutions="default"):
    """A convolution and a matrix product."""
    y = jax.lax.conv_general_dilated(
        image, KERNEL, (1, 1), "SAME", dimension_numbers=DIMENSIONS, precision=convolutions
    )
    return {"y": jnp.matmul(y.mean((1, 2)), jnp.ones((4, 2)), precision=dots)}


def exported(tmp_path, function=network, dtype=jnp.float32):
    """A file of the function."""
    image = jax.ShapeDtypeStruct((2, 8, 8, 3), dtype)
    path = tmp_path / "model.jax"
    made = jax.export.export(jax.jit(function), platforms=("cpu", "cuda"))(image)
    path.write_bytes(made.serialize())
    return path


@pytest.fixture
def loaded(tmp_path, monkeypatch):
    """Loads a file on the CPU as if it were to run on a card."""
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE", raising=False)

    def load(path, **given):
        from infer.runtimes import jax_export

        model = jax_export.load(path, Options())
        model._options = Options("cuda", **given)
        model._settings = {"triton": "on"} | dict(given.get("settings", {}))
        model.settle()
        return model

    return load


@pytest.mark.parametrize(
    ("dots", "convolutions", "asks", "tf32"),
    [
        ("highest", "highest", "highest", False),
        ("default", "default", "default", True),
        ("high", "high", "default", True),  # a card takes TF32 for these too
        ("highest", "default", "mixed", True),
        ("default", "highest", "mixed", True),
        ("F32_F32_F32", "highest", "highest", False),
        ("BF16_BF16_F32", "highest", "mixed", True),
    ],
)
def test_program_is_told_by_what_it_asks_for(tmp_path, loaded, dots, convolutions, asks, tf32):
    if "_" in dots:
        dots = jax.lax.DotAlgorithmPreset[dots]
    model = loaded(exported(tmp_path, lambda image: network(image, dots, convolutions)))
    placement = model.placement()
    assert placement["precision_asked"] == asks
    assert placement["tf32"] is tf32
    assert bool(model.notes) is tf32
    if tf32:
        assert "leaves the precision of" in model.notes[0]


def test_half_precision_is_no_tf32(tmp_path, loaded):
    def halves(image):
        y = jax.lax.conv_general_dilated(
            image, KERNEL.astype(image.dtype), (1, 1), "SAME", dimension_numbers=DIMENSIONS
        )
        return {"y": y}

    assert loaded(exported(tmp_path, halves, jnp.float16)).placement()["tf32"] is False


@pytest.mark.parametrize(
    ("dots", "convolutions", "settings", "tf32"),
    [
        ("highest", "default", {}, False),  # cuDNN's are all NVIDIA's libraries'
        ("default", "highest", {}, None),  # XLA may compile these itself
        ("default", "highest", {"triton": "off"}, False),
    ],
)
def test_libraries_that_are_kept_from_tf32(
    tmp_path, loaded, monkeypatch, dots, convolutions, settings, tf32
):
    path = exported(tmp_path, lambda image: network(image, dots, convolutions))
    model = loaded(path, settings=settings)
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")
    assert model._tf32() is tf32


def test_the_setting_that_the_note_advises_keeps_all_from_tf32(tmp_path, loaded, monkeypatch):
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")
    path = exported(tmp_path).rename(tmp_path / "m.jaxexport")
    np.savez(tmp_path / "x.npz", image=np.zeros((2, 8, 8, 3), np.float32))
    (note,) = loaded(path).notes
    text = re.search(r"--try (\S+)\)", note)[1]

    tried = RunConfig((path,), inputs=tmp_path / "x.npz", device="cpu", tried=(text,))
    (variant,) = plan_run(tried).variants.values()

    assert loaded(path, settings=variant.settings)._tf32() is False


def test_option_that_the_program_overrules_is_said(tmp_path, loaded):
    path = exported(tmp_path, lambda image: network(image, "highest", "highest"))
    model = loaded(path, tf32=True)
    assert model.notes == ["--tf32 does not reach it: its products ask for float32 themselves"]


@pytest.mark.parametrize("error", [RuntimeError("Unknown backend cuda"), AssertionError()])
def test_jax_without_a_card_says_so_and_goes_on(monkeypatch, error):
    """JAX 0.11 asserts where no file of /dev is of a card."""
    from infer.runtimes import jax_export

    def devices(platform):
        raise error

    before = jax.config.jax_platforms
    monkeypatch.setattr(jax_export.jax, "devices", devices)
    assert "sees no GPU (" in jax_export.has_cuda()
    assert "()" not in jax_export.has_cuda()
    assert jax.config.jax_platforms == before


def test_jax_set_up_as_it_comes_sets_no_flags(tmp_path, loaded, monkeypatch):
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    loaded(exported(tmp_path))
    assert "XLA_FLAGS" not in os.environ
