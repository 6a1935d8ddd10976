"""The former artifact has to be the one that the baseline was written for."""

from dataclasses import replace

import numpy as np
import pytest
from gate_entries import BASELINE, GOOD, SETUP, VALUES, beside, kept, sketched, verdicts

from infer.gating.evaluation import evaluate
from infer.gating.gate_input import FormerComparison, GateInput
from infer.gating.margins import check_margin

OTHER = "b" * 64
MOVED = {"y": sketched(np.add(VALUES, 0.5))}


def former(pair, **options):
    return verdicts(GOOD, pair=pair, **options)["former"]


def test_the_former_artifact_is_the_baselines_by_its_hash():
    assert former(beside(0.9, 1.0, 1.05)).verdict == "passed"
    check = former(beside(0.9, 1.0, 1.05, sha256=OTHER))
    assert check.verdict == "failed"
    assert "bbbbbbbbbbbb, was aaaaaaaaaaaa" in check.detail
    assert "--margin former=outputs" in check.remedy


def test_random_weights_in_both_places_fail():
    pair = replace(beside(0.9, 1.0, 1.05, sha256=OTHER, sketches=MOVED), parity={})
    run = GateInput({"m": replace(GOOD, sha256=OTHER, sketches=MOVED)}, {"m": pair}, SETUP)
    failed = {c.kind for c in evaluate(run, BASELINE).checks if c.verdict == "failed"}
    assert failed == {"former", "parity"}


def test_one_that_was_exported_again_may_be_known_by_its_outputs():
    allowed = {"former": "outputs"}
    same = beside(0.9, 1.0, 1.05, sha256=OTHER)
    assert former(same, margins=allowed).verdict == "passed"
    of_artifact = kept({"m": GOOD}, artifact_margins={"m": allowed})
    assert former(same, baseline=of_artifact).verdict == "passed"
    for changes in (
        {"sketches": MOVED},
        {"sketches": {"z": sketched(VALUES)}},
        {"sketches": {}},
    ):
        other = beside(0.9, 1.0, 1.05, sha256=OTHER, **changes)
        assert former(other, margins=allowed).verdict == "failed", changes


def test_outputs_of_other_inputs_say_nothing_of_it():
    other = beside(0.9, 1.0, 1.05, sha256=OTHER, inputs="j" * 64)
    assert former(other, margins={"former": "outputs"}).verdict == "not judged"


def test_a_former_artifact_that_does_not_run_has_its_hash_all_the_same():
    crashed = FormerComparison(reason="crash: killed", path="former/m", sha256=OTHER)
    assert former(crashed).verdict == "failed"
    assert former(replace(crashed, sha256=GOOD.sha256)).verdict == "passed"
    assert "could not be read" in former(replace(crashed, sha256=None)).detail


def test_what_cannot_be_known_or_is_switched_off_is_seen():
    pair = beside(0.9, 1.0, 1.05, sha256=OTHER)
    assert former(pair, margins={"former": "off"}).verdict == "off"
    assert verdicts(GOOD, pair=pair, label="new")["former"].verdict == "not judged"
    unknown = kept({"m": replace(GOOD, sha256=None)})
    assert former(pair, baseline=unknown).verdict == "not judged"
    assert "former" not in verdicts(GOOD)


@pytest.mark.parametrize("text", ["", "name", "1%", "Hash"])
def test_a_wrong_value_is_refused(text):
    with pytest.raises(ValueError, match="hash or outputs"):
        check_margin("former", text)
