"""One more call, which shows where the samples are in each output.

An artifact that takes any number of samples is called with another number. One that takes only some
numbers is called with the same samples in another order.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from ..inputs.batching import select_samples
from ..runtimes.base import Arrays
from ..tensors.sample_axis import difference_of_samples, following_axes, permuted_axes
from .error_text import one_line
from .messages import BatchProbe
from .model_adapters import LimitedBatchModel
from .prepared_model import PreparedModel, copied
from .responses import BatchProbeResponse, ProbedOutput


def batch_probe(prepared: PreparedModel, request: BatchProbe) -> BatchProbeResponse:
    """Compare a call of another size, or in another order, with the first call.

    A call that fails is no failure of the artifact: it may not take such a batch.
    """
    if isinstance(prepared.model, LimitedBatchModel):
        response = _in_another_order(prepared, prepared.model, request)
    else:
        response = _of_another_size(prepared, request)
    prepared.sample_axes = {
        name: probed["axes"][0]
        for name, probed in response["outputs"].items()
        if len(probed["axes"]) == 1
    }
    return response


def _of_another_size(prepared: PreparedModel, request: BatchProbe) -> BatchProbeResponse:
    batches = prepared.batches(request.batch)
    (first,), samples = prepared.first_outputs, batches.samples(0)
    failed = None
    for size in _other_sizes(samples, batches.samples(len(batches) - 1)):
        inputs = prepared.batches(size).full(0)
        try:
            outputs = copied(prepared.model.run(inputs))
        except Exception as error:
            failed = failed or one_line(error)
            continue
        others = _last_of_the_batch(prepared, samples, size)
        probed: dict[str, ProbedOutput] = {}
        for name in first.keys() & outputs.keys():
            a, b = first[name], outputs[name]
            axes = following_axes([a.shape, b.shape], [samples, size])
            between = partial(difference_of_samples, in_any_order=name in request.in_any_order)
            difference = between(a, b, axes[0]) if len(axes) == 1 else None
            if difference is not None and name in others:
                last = a.take(np.arange(samples - size, samples), axes[0])
                apart = between(last, others[name], axes[0])
                difference = None if apart is None else max(difference, apart)
            probed[name] = {"axes": axes, "difference": difference}
        return {"samples": size, "permuted": False, "outputs": probed, "failed": None}
    return {"samples": None, "permuted": False, "outputs": {}, "failed": failed}


def _last_of_the_batch(prepared: PreparedModel, samples: int, size: int) -> Arrays:
    """The outputs for the last samples of the first batch, which are at other places there.

    A scale that is taken from the largest value of a call stays the same if the first samples have
    it, but then these do not. Empty if there are no such samples, or the call fails.
    """
    if size >= samples:
        return {}
    try:
        inputs = prepared.batches(size, size, samples - size)[0]
        return copied(prepared.model.run(inputs))
    except Exception:  # the artifact took as many samples before: a change of them is no failure
        return {}


def _other_sizes(samples: int, last: int) -> list[int]:
    """The numbers of samples to try, instead of `samples`.

    A runtime may have compiled for the `last` batch already. Some models drop an axis of one
    sample, and some take multiples of a number only.
    """
    sizes = (last if last > 1 else 0, samples // 2, 2 * samples, 1)
    return [size for size in dict.fromkeys(sizes) if size > 0 and size != samples]


def _in_another_order(
    prepared: PreparedModel, limited: LimitedBatchModel, request: BatchProbe
) -> BatchProbeResponse:
    size = limited.limits.size_for(request.batch)
    response: BatchProbeResponse = {
        "samples": size,
        "permuted": True,
        "outputs": {},
        "failed": None,
    }
    if size == 1:  # the call is the sample
        return response
    inputs = prepared.batches(size).full(0)
    order = np.roll(np.arange(size), 1)
    reordered = select_samples(inputs, order, prepared.broadcast, prepared.axes)
    # The first half stays, the others are its first sample.
    kept = size // 2
    mixture = np.where(np.arange(size) < kept, np.arange(size), 0)
    among_others = select_samples(inputs, mixture, prepared.broadcast, prepared.axes)
    try:
        before = copied(limited.model.run(inputs))
        after = copied(limited.model.run(reordered))
        mixed = copied(limited.model.run(among_others))
    except Exception as error:
        return response | {"failed": one_line(error)}
    for name in before.keys() & after.keys():
        axes = permuted_axes(before[name], after[name], order)
        difference = None
        if len(axes) == 1 and mixed[name].shape == before[name].shape:
            rows = np.arange(kept)
            difference = difference_of_samples(
                before[name].take(rows, axes[0]),
                mixed[name].take(rows, axes[0]),
                axes[0],
                in_any_order=name in request.in_any_order,
            )
        response["outputs"][name] = {"axes": axes, "difference": difference}
    return response
