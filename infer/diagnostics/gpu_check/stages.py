"""The stages of a check, in the order that they are done in: what others need comes first."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """One thing to find out; `infer.diagnostics.gpu_check.checks` has the function that does.

    Attributes:
        what: is found out, in words.
        weight: share of the time that it gets, relative to the other stages.
        needs_card: whether it means nothing without one.
        of_artifacts: whether it is done with artifacts.
    """

    what: str
    weight: float
    needs_card: bool = False
    of_artifacts: bool = False


STAGES = {
    "machine": Stage("the machine, its cards and its memory", 0.2),
    "sandbox": Stage("which layer of the sandbox keeps CUDA from starting", 0.5, needs_card=True),
    "export": Stage("the pretrained weights in every format", 3.0),
    "runtimes": Stage("what each runtime can run on", 0.7),
    "measure": Stage("times and agreement", 6.0, of_artifacts=True),
    "tf32": Stage("the same with TF32 allowed", 2.0, needs_card=True, of_artifacts=True),
    "self-test": Stage("how often equal artifacts are told apart", 4.0, of_artifacts=True),
    "failures": Stage("whether failures come to their outcome", 1.5, of_artifacts=True),
    "sweep": Stage("how throughput grows with the batch", 2.0, of_artifacts=True),
    "ceiling": Stage("what the machine could do at best", 0.5),
}
