"""The registry of exporters.

An exporter is a module with one function:

    export(weights, size, path) -> predict

It writes the network with these canonical weights, for images of `size` pixels, to the payload
at `path`, and returns the framework's own prediction (images, float32 N x size x size x 3 in
0..1, to probabilities, N x 8), which the written payload is checked against. Its input is named
`image` and its output `probabilities`. One that compiles is also given what for, as `device`: "cpu"
or "cuda".
"""

from __future__ import annotations

from infer.exporter import Exporter


def _extras(names: str) -> str:
    """The command that installs extras of this project."""
    return f"pip install '.[{names}]'"


# Those of plug-ins come after ours (register_plugins).
EXPORTERS = {
    "saved-model": Exporter(
        module="saved_model",
        format="saved-model",
        framework="keras",
        native=True,
        payload="saved_model",
        needs=("tensorflow", "keras"),
        install=_extras("train,tensorflow"),
        distributions=("keras", "tensorflow"),
    ),
    "torchscript": Exporter(
        module="torchscript",
        format="torchscript",
        framework="torch",
        native=True,
        payload="model.pt",
        needs=("torch",),
        install=_extras("train,torch"),
        distributions=("torch",),
    ),
    "torch-export": Exporter(
        module="torch_export",
        format="torch-export",
        framework="torch",
        payload="model.pt2",
        needs=("torch",),
        install=_extras("train,torch"),
        distributions=("torch",),
    ),
    "aotinductor": Exporter(
        module="aotinductor",
        format="aotinductor",
        framework="torch",
        payload="model.pt2",
        needs=("torch",),
        install=_extras("train,torch"),
        distributions=("torch",),
        compiles=True,
    ),
    "jax-export": Exporter(
        module="jax_export",
        format="jax-export",
        framework="flax",
        native=True,
        payload="model.jax",
        needs=("jax", "flax"),
        install=_extras("train,jax"),
        distributions=("jax", "jaxlib", "flax"),
    ),
    "jax2tf": Exporter(
        module="jax2tf",
        format="saved-model",
        framework="flax",
        payload="saved_model",
        needs=("jax", "flax", "tensorflow"),
        install=_extras("train,jax,tensorflow"),
        distributions=("jax", "jaxlib", "flax", "tensorflow"),
    ),
    "onnx-keras": Exporter(
        module="onnx_keras",
        format="onnx",
        framework="keras",
        payload="model.onnx",
        needs=("tensorflow", "tf2onnx"),
        install=_extras("train,tensorflow,onnx"),
        distributions=("keras", "tensorflow", "tf2onnx", "onnx"),
    ),
    "onnx-torch": Exporter(
        module="onnx_torch",
        format="onnx",
        framework="torch",
        payload="model.onnx",
        needs=("torch", "onnxscript"),
        install=_extras("train,torch,onnx"),
        distributions=("torch", "onnxscript", "onnx"),
    ),
    "onnx-jax": Exporter(
        module="onnx_jax",
        format="onnx",
        framework="flax",
        payload="model.onnx",
        needs=("jax", "jax2onnx", "onnxruntime"),
        install=_extras("train,jax,onnx,jax2onnx"),
        distributions=("jax", "jaxlib", "flax", "jax2onnx", "onnx"),
    ),
}


def register_plugins() -> list[str]:
    """Put the exporters of plug-ins into the registry.

    Returns:
        Why plug-ins are refused, a line each.
    """
    from infer import plugins

    refused = [plugin.refusal for plugin in plugins.register() if plugin.problem]
    for name, exporter in plugins.EXPORTERS.items():
        assert exporter.external  # where a plug-in's module is
        if name in EXPORTERS and EXPORTERS[name].external is None:
            refused.append(
                f"plug-in {name} (exporter of {exporter.external.package}): this project has an "
                "exporter of that name, which is used"
            )
            continue
        EXPORTERS[name] = exporter
    return refused


def choose(formats: list[str]) -> list[str]:
    """The exporters that the names stand for: `all`, `onnx` for all three, or one's own name.

    Raises:
        ValueError: a name is unknown.
    """
    chosen = []
    for name in formats:
        matching = [
            key
            for key, exporter in EXPORTERS.items()
            if name in ("all", key) or name == "onnx" == exporter.format
        ]
        if not matching:
            known = ", ".join(["all", "onnx", *EXPORTERS])
            raise ValueError(f"unknown format {name!r}: choose from {known}")
        chosen += [key for key in matching if key not in chosen]
    return chosen
