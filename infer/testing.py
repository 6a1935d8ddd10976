"""Whether a format and a runtime keep the contract: for tests of those who write one.

    from exportbench.testing import Sample, problems

    def test_contract(tmp_path):
        inputs = {"image": numpy.zeros((3, 32, 32, 3), numpy.float32)}
        assert problems(Sample("model.pte", inputs), tmp_path) == []

The sample is opened, loaded and called as a run does it: in workers and readers of their own, with
their limits. Our own formats and runtimes are held to the same checks.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from . import plugins
from .diagnostics.contract.checks import KEPT_SHARES, ContractChecks, WorkerEnded
from .diagnostics.contract.sample import Sample as Sample
from .errors import ArtifactError
from .runtimes.registry import runtimes_for
from .sandbox.artifact_reader import open_artifact


def problems(sample: Sample, folder: Path) -> list[str]:
    """What of the contract does not hold, a line each; empty if all does.

    Args:
        sample: what to try.
        folder: an empty one for what the workers write.
    """
    plugins.register()
    try:
        artifact = open_artifact(Path(sample.path))
    except ArtifactError as error:
        return [f"format: {error}"]
    runtime = sample.runtime or next(iter(runtimes_for(artifact.format)), None)
    if runtime is None or runtime not in runtimes_for(artifact.format):
        return [f"format: no runtime {runtime or ''} takes {artifact.format}"]
    checks = ContractChecks(sample, artifact, runtime, folder)
    with suppress(WorkerEnded), checks.noted("reader"):
        checks.reader()
    with suppress(WorkerEnded), checks.noted("load"), checks.worker("whole", artifact) as process:
        checks.model(process)
    for share in KEPT_SHARES:
        with suppress(WorkerEnded), checks.noted("damaged files"):
            checks.damaged(share)
    return checks.problems
