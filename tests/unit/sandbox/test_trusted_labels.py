"""Labels that are trusted, and files that are called alike."""

import zipfile

import numpy as np
import pytest

from infer.config import GateConfig, RunConfig
from infer.errors import UsageError
from infer.gating.baseline import Baseline, BaselineEntry
from infer.outcome import Failure, Outcome
from infer.sandbox import trust
from infer.steps.gate import plan_gate
from infer.steps.planning import plan_run

GOOD, STRANGER = "good.pt2", "good.pt2 (1).pt2"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two files that can execute code, one called like a variant of the other."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for name in (GOOD, STRANGER):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("m/constants.pkl", name)
            archive.writestr("m/code/a.py", "")
    np.savez(tmp_path / "x.npz", x=np.ones((4, 4), "f4"))
    return tmp_path


def plan_of(folder, *names, **options):
    """The plan of a run of files in the folder."""
    artifacts = tuple(folder / name for name in names)
    return plan_run(RunConfig(artifacts, inputs=folder / "x.npz", device="cpu", **options))


def opens(plan, label):
    """Whether an artifact of a plan is trusted."""
    artifact = plan.opened.open(dict(plan.artifacts)[label], label)
    try:
        trust.require_trusted(artifact, plan.trusted)
    except Failure as failure:
        assert failure.outcome is Outcome.LOAD_ERROR
        return False
    return True


@pytest.mark.parametrize("names", [(GOOD, STRANGER), (STRANGER, GOOD)])
def test_a_label_trusts_the_variants_of_its_artifact_and_no_other_file(folder, names):
    plan = plan_of(folder, *names, trust=(GOOD,), defaults=True)
    paths = dict(plan.artifacts)
    assert len(plan.artifacts) == len(paths) == 4
    assert all(path.name in label for label, path in plan.artifacts)
    assert paths[f"{STRANGER} (defaults)"].name == STRANGER
    assert opens(plan, GOOD)
    assert opens(plan, f"{GOOD} (defaults)")
    assert not opens(plan, STRANGER)
    assert not opens(plan, f"{STRANGER} (defaults)")


def test_a_file_that_is_called_like_a_variant_is_no_variant(folder):
    (folder / STRANGER).rename(folder / f"{GOOD} (defaults)")
    with pytest.raises(UsageError, match=r"would both be called 'good\.pt2 \(defaults\)'"):
        plan_of(folder, GOOD, f"{GOOD} (defaults)", trust=(GOOD,), defaults=True)


def test_a_baseline_gives_whole_hashes_only(folder):
    for sha256 in ("*", STRANGER, "ab" * 16):
        baseline = Baseline({"m": BaselineEntry(Outcome.OK, sha256=sha256)})
        run = RunConfig((folder / STRANGER,), inputs=folder / "x.npz", device="cpu")
        plan = plan_gate(GateConfig(run=run, baseline=folder / "b.json"), baseline)
        assert not plan.trusted
    assert trust.hashes(["cd" * 32, None]) == ("cd" * 32,)


@pytest.mark.parametrize("text", ["ab" * 15, "ab" * 15 + "x", "0x" + "ab" * 15, "gh" * 32])
def test_few_digits_or_other_letters_are_no_hash(text):
    with pytest.raises(UsageError, match="32 or more digits"):
        trust.read([text], [GOOD])
