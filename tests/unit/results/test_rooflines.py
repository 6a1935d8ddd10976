"""The least time that a call can take, from the rates of the machine."""

import pytest
from run_records import (
    END,
    IMAGE,
    MIB,
    RUN,
    artifact,
    burst,
    cells,
    preflight,
    roofline,
    run,
    summarize,
    timing_of,
)

from infer.report import markdown
from infer.report.legend import legend


def below_roofline(*rooflines, surveys, weights=None):
    """Records of artifacts whose calls take a second for a batch and 10 ms for a sample."""
    weights = weights or {}
    return [
        RUN,
        *(artifact(name, weights=weights.get(name, "a")) for name in surveys),
        *(preflight(name, **fields) for name, fields in surveys.items()),
        *(burst(name, 0, [1.0]) for name in surveys),
        *(burst(name, 0, [0.01], batch=1) for name in surveys),
        *rooflines,
        END,
    ]


CARD = {
    "flops_per_s": 1e9,
    "tf32_flops_per_s": 8e9,
    "bytes_per_s": 1e9,
    "to_device_bytes_per_s": 1e6,
    "to_device_pinned_bytes_per_s": 4e6,
    "from_device_bytes_per_s": 2e6,
    "from_device_pinned_bytes_per_s": None,
}


COPIED = {
    "load": {
        "seconds": 0.1,
        "signature": {
            "inputs": [IMAGE],
            "outputs": [{"name": "scores", "shape": ["batch", 8], "dtype": "float32"}],
        },
    },
    "inputs": {"inputs": [IMAGE]},
}


def on_a_card(tf32=False, placed=None, rates=CARD, **manifest):
    """Records of an artifact on a card; calls of one kind find their inputs there already."""
    preflighted = preflight("one", flops_per_sample=1e6, **COPIED)
    preflighted["predict"]["placement"] = {"device": "cuda", "tf32": placed}
    resident = burst("one", 0, [1.0]) | {"workload": {"batch": 32, "boundary": "device_resident"}}
    opened = artifact("one", **manifest)
    end = {"kind": "roofline", "device": "cuda", "failed": {"x_per_s": "no driver"}, **rates}
    device = run() | {"device": "cuda", "tf32": tf32}
    return [device, opened, preflighted, burst("one", 0, [1.0]), resident, end, END]


def test_roofline_of_a_card_has_the_copies_that_a_call_from_host_to_host_waits_for():
    records = on_a_card()

    arithmetic = 32 * 1e6 / 1e9
    # The best rate of either kind of memory; the other way only one was measured.
    copies = 32 * 28 * 28 * 3 * 4 / 4e6 + 32 * 8 * 4 / 2e6
    assert share(records, "one", "batch 32, on the device") == pytest.approx(arithmetic)
    assert share(records, "one", "batch 32") == pytest.approx(arithmetic + copies)
    text = "".join(legend(summarize(records)))
    assert "cuBLAS's matrix product (1 GFLOP/s, and 8 GFLOP/s in TF32 at the start" in text
    assert "not measured (x): no driver" in text


@pytest.mark.parametrize(
    ("tf32", "placed", "rate"),
    [
        (False, None, 1e9),
        (True, None, 8e9),
        (True, False, 1e9),  # what the runtime says of itself goes first
        (False, True, 8e9),
    ],
)
def test_roofline_of_a_card_is_that_of_the_arithmetic_that_was_allowed(tf32, placed, rate):
    records = on_a_card(tf32, placed)
    least = max(32 * 1e6 / rate, 3 * MIB / 1e9)
    assert share(records, "one", "batch 32, on the device") == pytest.approx(least)


def test_nothing_is_said_of_arithmetic_whose_rate_was_not_measured():
    point = "batch 32, on the device"
    assert share(on_a_card(precision="float16"), "one", point) is None
    assert share(on_a_card(rates=CARD | {"flops_per_s": None}), "one", point) is None
    without_tf32 = on_a_card(True, rates=CARD | {"tf32_flops_per_s": None})
    assert share(without_tf32, "one", point) == pytest.approx(32 * 1e6 / 1e9)


def share(records, name, point):
    return timing_of(records, name, point).roofline_share


def test_roofline_is_that_of_the_arithmetic_or_of_reading_the_weights():
    records = below_roofline(roofline(), surveys={"one": {"flops_per_sample": 1e6}})

    assert share(records, "one", "batch 32") == pytest.approx(32 * 1e6 / 1e9 / 1.0)
    # A single sample needs 1 ms of arithmetic, and 3 MiB that have to be read.
    assert share(records, "one", "batch 1") == pytest.approx(3 * MIB / 1e9 / 0.01)
    assert cells(markdown.render(summarize(records)), "one")["of ceiling"] == "3%"


def test_roofline_is_the_highest_that_was_measured():
    rooflines = roofline(1e9, 4e9), roofline(2e9, 1e9)
    records = below_roofline(*rooflines, surveys={"one": {"flops_per_sample": 1e6}})

    assert share(records, "one", "batch 32") == pytest.approx(32 * 1e6 / 2e9 / 1.0)
    assert share(records, "one", "batch 1") == pytest.approx(3 * MIB / 4e9 / 0.01)
    assert "(1 and 2 GFLOP/s at the start and end of this run)" in markdown.render(
        summarize(records)
    )


def test_operations_are_those_of_a_file_of_the_same_weights_where_it_has_none_of_its_own():
    surveys = {
        "one": {"flops_per_sample": 3e6},
        "other": {"flops_per_sample": 2e6},
        "same": {"flops_per_sample": None},
        "else": {},
    }
    records = below_roofline(roofline(), surveys=surveys, weights={"else": "b"})

    shares = [share(records, name, "batch 32") for name in surveys]

    assert shares[:3] == pytest.approx([0.096, 0.064, 0.064])
    assert shares[3] is None
    shown = [cells(markdown.render(summarize(records)), name)["of ceiling"] for name in surveys]
    assert shown == ["10%", "6%", "6%", "-"]


@pytest.mark.parametrize(
    ("rooflines", "fields"), [([], {"flops_per_sample": 1e6}), ([roofline()], {})]
)
def test_nothing_is_said_of_a_roofline_that_is_not_known(rooflines, fields):
    records = below_roofline(*rooflines, surveys={"one": fields})

    assert share(records, "one", "batch 32") is None
    assert "of ceiling" not in cells(markdown.render(summarize(records)), "one")


def test_a_ceiling_that_calls_break_through_is_not_shown():
    for flops_per_sample, is_shown in ((20e6, True), (30e6, False)):
        surveys = {"one": {"flops_per_sample": flops_per_sample}}
        summary = summarize(below_roofline(roofline(), surveys=surveys))
        page = markdown.render(summary)
        assert ("of ceiling" in cells(page, "one")) == is_shown
        assert ("something else took the processor" in page) != is_shown
