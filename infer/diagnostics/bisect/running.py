"""Run an artifact in a separate process for its outputs."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ...artifacts.artifact import Artifact
from ...errors import InputError
from ...inputs import random as random_inputs
from ...inputs.options import InputOptions
from ...inputs.random import Random
from ...inputs.worker_inputs import WorkerInputs
from ...inputs.writing import write_inputs
from ...measure.opening import read_precision
from ...measure.placement import check_device
from ...outcome import Failure
from ...tensors.output_files import read_saved, write_axes
from ...tensors.outputs import SavedOutputs
from ...tensors.precision import Precision
from ...tensors.sample_axis import sample_axes
from ...tensors.signature import Signature
from ...worker import messages
from ...worker.client import WorkerProcess


@dataclass(frozen=True)
class BisectOptions:
    """Options for running the two artifacts.

    Attributes:
        inputs: file; None for random ones.
        random: what to draw; None where there is a file.
        samples: how many of the inputs to take.
        skip: samples to leave out before these.
        input_options: of the user.
        tolerance: given by the user; None goes by precision.
        threads, timeout_s: for each worker.
        devices: "cpu" or "cuda", for either artifact.
        card: that workers on cuda see, as `infer.measure.devices.DeviceChoice` has it.
    """

    inputs: Path | None
    random: Random | None
    samples: int
    skip: int
    input_options: InputOptions
    tolerance: float | None
    threads: int
    timeout_s: float
    devices: tuple[str, str] = ("cpu", "cpu")
    card: str | None = None

    def name(self, artifact: Artifact, side: int) -> str:
        """What an artifact is called beside the other one, which may be the same.

        Args:
            artifact: one of the two.
            side: 0 or 1, which of them it is.
        """
        here, there = self.devices[side], self.devices[1 - side]
        return artifact.label if here == there else f"{artifact.label} ({here})"


@dataclass(frozen=True)
class ArtifactRun:
    """The outputs of a run of an artifact.

    Attributes:
        signature: of the artifact.
        outputs: by name, with their axes of samples.
        samples: number of samples that it was given.
        available: number of samples in the inputs.
        fixed: samples a call, if the artifact takes no other number.
        precision: the precision that the artifact is judged by.
    """

    signature: Signature
    outputs: SavedOutputs
    samples: int
    available: int
    fixed: int | None
    precision: Precision


def with_inputs(
    a: Artifact, options: BisectOptions, folder: Path
) -> tuple[BisectOptions, list[str]]:
    """The options with a file of inputs, drawn by the signature of `a` where there is none."""
    if options.random is None:
        return options, []
    with _worker(a, options, folder / "signature", options.devices[0]) as worker:
        worker.start()
        signature = Signature.from_dict(worker.load()["signature"])
    stated = asdict(a.manifest.signature) if a.manifest else None
    arrays, drawn = random_inputs.generate(
        options.random, signature, stated, options.input_options, a.label
    )
    path = folder / "inputs.npz"
    write_inputs(path, arrays)
    notes = [f"random inputs, seed {options.random.seed} ({', '.join(drawn) or 'there are none'})"]
    return replace(options, inputs=path), notes


def _worker(
    artifact: Artifact,
    options: BisectOptions,
    folder: Path,
    device: str,
    inputs: WorkerInputs | None = None,
) -> WorkerProcess:
    return WorkerProcess(
        artifact,
        device=device,
        card=options.card if device == "cuda" else None,
        threads=options.threads,
        scratch=folder,
        log=folder / "log",
        timeout_s=options.timeout_s,
        inputs=inputs,
    )


def run(artifact: Artifact, options: BisectOptions, folder: Path, side: int) -> ArtifactRun:
    """Run an artifact in a separate process.

    Args:
        artifact: to run.
        options: with a file of inputs.
        folder: for what it writes.
        side: 0 or 1, which of the two it is.

    Raises:
        Failure: it cannot be run.
        InputError: there are too few samples.
    """
    assert options.inputs
    outputs = folder / "outputs"
    outputs.mkdir(parents=True)
    try:
        # Beside the folder that the worker may write in.
        inputs = WorkerInputs(options.inputs, folder.with_name(f"{folder.name}-inputs"))
        with _worker(artifact, options, folder, options.devices[side], inputs) as worker:
            worker.start()
            signature = Signature.from_dict(worker.load()["signature"])
            answer = worker.ask(
                messages.Inputs(
                    path=str(inputs.path()),
                    file=str(options.inputs),
                    options=asdict(options.input_options),
                    label=artifact.label,
                )
            )
            left = answer["samples"] - options.skip
            if left < 1:
                raise InputError(
                    f"--skip {options.skip}: {options.inputs} has {answer['samples']} samples"
                )
            samples = min(options.samples, left)
            predicted = worker.ask(
                messages.Predict(
                    batch=answer["only_batch"] or samples,
                    outputs=str(outputs.resolve()),
                    samples=samples,
                    skip=options.skip,
                )
            )
            check_device(predicted["placement"], options.devices[side])
            probe = None
            if not answer["only_batch"]:
                worker.ask(messages.FirstCall(batch=samples))
                probe = worker.ask(messages.BatchProbe(batch=samples))
    except Failure as failure:
        reason = f"{options.name(artifact, side)}: {failure.reason}".replace(
            str(folder), "(temporary folder)"
        )
        raise Failure(failure.outcome, reason) from None
    saved = read_saved(outputs)
    followed = {name: output["axes"] for name, output in probe["outputs"].items()} if probe else {}
    other_size = bool(probe and not probe["permuted"])
    write_axes(outputs, sample_axes(saved, [signature], followed, other_size=other_size))
    return ArtifactRun(
        signature,
        read_saved(outputs),
        samples,
        answer["samples"],
        answer["fixed"],
        read_precision(artifact),
    )
