"""Fit the inputs of a file to the signature of an artifact."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from ..errors import AmbiguousMatchError, InputError, MapError
from ..escaping import shell_word
from ..tensors.layouts import rearranged
from ..tensors.matching import TensorMatch, match_tensors
from ..tensors.rules import EVERY, Rule, rules_for
from ..tensors.signature import Signature, TensorSpec
from ..tensors.size_limits import ANY_SIZE, SizeLimits
from .conversion import (
    check_shape,
    converted,
    possible_layouts,
    stated_ranges,
    with_axes_of_single_value,
)
from .dimensions import check_dims, check_limits, check_names, limits_of_batch, with_sizes
from .lazy_array import LazyArray, Tensors
from .loading import is_of_labels, open_inputs
from .options import InputOptions
from .samples import (
    axes_of_samples,
    broadcast_and_fixed,
    count_samples,
    later_sample_axes,
    limits_note,
)
from .state import check_first_states, find_state_bindings, zero_state
from .stored_types import StoredTypes, check_real_numbers
from .unknown_ranks import with_stated_ranks
from .whole import are_unrelated, whole_inputs

# A tensor that every call gets whole lies in memory, the others on disk.
Arrays = dict[str, np.ndarray | LazyArray]
NOTHING_STATED: Mapping[str, Sequence[int | str | None]] = MappingProxyType({})
# Number of inputs that a note names; the weights of old files may be hundreds.
_NAMED = 4


@dataclass(frozen=True)
class Fitted:
    """The arrays that an artifact is called with, and how they were made.

    Attributes:
        arrays: arrays by the artifact's own names, in its order; those with samples stay on disk.
        broadcast: names of arrays that every call gets unchanged, such as a threshold or a state;
            the first dimension of the others counts samples.
        batch_limits: numbers of samples that a call may have.
        samples: number of samples; 1 where every input is broadcast.
        state_bindings: outputs by the input that takes them in the next call.
        signature: signature of the artifact, with the sizes that the user has set.
        notes: conversions that a reader should know about.
        unused: names of the arrays of the file that were not taken.
        axes: axis of the samples by input, where it is not the first.
    """

    arrays: Arrays
    broadcast: frozenset[str]
    batch_limits: SizeLimits
    samples: int
    state_bindings: dict[str, str]
    signature: Signature
    notes: list[str]
    unused: list[str]
    axes: Mapping[str, int] = field(default_factory=dict)


def fit_inputs(
    path: Path,
    signature: Signature,
    stated: Mapping[str, Any] | None,
    options: InputOptions | None = None,
    label: str = "the artifact",
    *,
    limits: Mapping[tuple[str, int], SizeLimits] | None = None,
    batch_limits: SizeLimits = ANY_SIZE,
    defaults: Sequence[TensorSpec] = (),
    stored: StoredTypes | None = None,
    stated_elsewhere: Mapping[str, Sequence[int | str | None]] = NOTHING_STATED,
    file: str | None = None,
    names_file: bool = True,
) -> Fitted:
    """Read the inputs that a signature asks for, and note how they were converted.

    Images of uint8 are scaled by 1/255 where the manifest, or the user, states that an input was
    made for values in 0..1. Otherwise values change only within a kind: floating point to another
    precision, whole numbers to a type that holds them.

    Args:
        path: the inputs file.
        signature: signature of the artifact.
        stated: the manifest's signature, if there is one.
        options: the user's options.
        label: label of the artifact, as the user's rules name it.
        limits: limits of free dimensions that the file states, by input and axis.
        batch_limits: numbers of samples of a call, as trying has shown them.
        defaults: inputs with a default value, which are taken where the file or a rule names them.
        stored: how quantised inputs are stored.
        stated_elsewhere: shapes with symbols that other artifacts state, by name as `plain` gives
            it. They tell the axis of samples of inputs of unknown rank.
        file: the user's file, which errors name; None if it is the one at the path.
        names_file: whether an error begins with the file; false if it is not the user's.

    Raises:
        InputError: an input is missing, does not fit, or has several possible matches.
    """
    opened = open_inputs(path, none_is_well=not signature.inputs, file=file)
    arrays = {name: lazy for name, lazy in opened.items() if not is_of_labels(name)}
    options = options or InputOptions()
    try:
        signature, notes = _with_given_defaults(signature, defaults, arrays, options, label)
        only = next(iter(arrays.values())) if len(arrays) == len(signature.inputs) == 1 else None
        ranges = stated_ranges(stated)
        for spec in signature.inputs:
            value_range = options.ranges.get(spec.name) or ranges.get(spec.name)
            check_real_numbers(spec, arrays.get(spec.name, only), stored, value_range)
        known = with_stated_ranks(signature, stated_elsewhere)
        fitted = _fit(arrays, signature, known, ranges, options, label, limits or {}, batch_limits)
        fitted.notes.extend(notes)
        return fitted
    except (AmbiguousMatchError, MapError, InputError) as error:
        raise InputError(f"{file or path}: {error}" if names_file else str(error)) from None


def _with_given_defaults(
    signature: Signature,
    defaults: Sequence[TensorSpec],
    arrays: Tensors,
    options: InputOptions,
    label: str,
) -> tuple[Signature, list[str]]:
    """Add the inputs with a default that the file or a rule names, and note those left at it."""
    given = set(arrays) | {
        rule.name
        for rule in options.rules
        if rule.artifact in (EVERY, label) and rule.other in arrays
    }
    taken = [spec for spec in defaults if spec.name in given]
    left = [spec.name for spec in defaults if spec.name not in given]
    notes = []
    if left:
        others = f" and {len(left) - _NAMED} others" if len(left) > _NAMED else ""
        notes = [f"left at their defaults: {', '.join(left[:_NAMED])}{others}"]
    return Signature((*signature.inputs, *taken), signature.outputs), notes


def _fit(
    arrays: Tensors,
    signature: Signature,
    known: Signature,
    ranges: Mapping[str, Any],
    options: InputOptions,
    label: str,
    limits: Mapping[tuple[str, int], SizeLimits],
    tried: SizeLimits,
) -> Fitted:
    free = signature
    later = later_sample_axes(known)
    sizes = options.sizes_for(label)
    check_dims(free, options.artifact_dims.get(label, {}), label)
    signature = with_sizes(free, sizes)
    # What is matched with an array; of a state that has samples, the file has those of all calls.
    specs = {spec.name: spec for spec in signature.inputs}
    specs |= {spec.name: spec for spec in free.inputs if spec.name in later}
    inputs = [spec.name for spec in signature.inputs]
    outputs = [spec.name for spec in signature.outputs]
    rules, output_rules = rules_for(options.rules, label, inputs, outputs, arrays)
    bindings = find_state_bindings(options, rules, output_rules, inputs, outputs, label)
    # The first state may come from the file; otherwise it is zeros.
    started = {name for name in bindings if name not in arrays and name not in rules}
    wanted = [specs[name] for name in inputs if name not in started]
    matches = _match(wanted, arrays, rules, label)
    fitted: Tensors = {}
    notes: list[str] = []
    for spec in signature.inputs:
        if spec.name in started:
            zeros = zero_state(spec, later.get(spec.name, 0))
            array, done = LazyArray.of(zeros), ["starts as zeros"]
        else:
            match = matches[spec.name]
            value_range = (
                options.ranges.get(spec.name)
                or options.ranges.get(match.other)
                or ranges.get(spec.name)
            )
            taken = arrays[match.other]
            array, done = _as_input(specs[spec.name], taken, match, value_range, label)
        fitted[spec.name] = array
        notes += [f"{spec.name}: {note}" for note in done]
    whole = _whole(known, options, matches, fitted, arrays, bindings)
    notes += [f"{name}: given whole to every call" for name in fitted if name in whole]
    axes = axes_of_samples(known, later, fitted, whole | bindings.keys())
    broadcast, fixed_batch = broadcast_and_fixed(
        signature, fitted, frozenset(bindings) | whole | axes.keys()
    )
    broadcast -= axes.keys()
    samples = count_samples(fitted, broadcast, axes)
    shapes = {name: array.shape for name, array in fitted.items()}
    check_names(signature, shapes, broadcast, sizes, axes)
    check_limits(free, shapes, broadcast, limits, axes)
    notes += [f"{name}: its second axis counts the samples" for name in axes]
    counted = [spec for spec in free.inputs if spec.name not in broadcast | axes.keys()]
    batch_limits = limits_of_batch(counted, limits, fixed_batch).within(tried)
    if batch_limits.is_empty:
        raise InputError(
            f"no number of samples a call suits all inputs of the artifact ({batch_limits.text})"
        )
    if samples is not None:
        given = {name: fitted[name] for name in bindings if name not in started}
        check_first_states(known, given, later, samples, batch_limits.smallest)
    if batch_limits != ANY_SIZE:
        notes.append(limits_note(batch_limits))
    elif samples is None and not bindings and not whole:
        notes.append("no input has samples: every call is one sample")
    unused = sorted(arrays.keys() - {match.other for match in matches.values()})
    called: Arrays = {
        name: np.asarray(array) if name in broadcast else array for name, array in fitted.items()
    }
    return Fitted(
        called, broadcast, batch_limits, samples or 1, bindings, signature, notes, unused, axes
    )


def _whole(
    signature: Signature,
    options: InputOptions,
    matches: Mapping[str, TensorMatch],
    arrays: Tensors,
    given: Collection[str],
    bindings: Mapping[str, str],
) -> frozenset[str]:
    """The inputs that every call gets whole: those known as such, or all if they are unrelated."""
    taken = {name: match.other for name, match in matches.items()}
    unknown = set(options.whole).difference(arrays, given)
    if unknown:
        raise InputError(
            f"--whole {min(unknown)}: is neither an input of the artifact nor an array of the file"
        )
    whole = whole_inputs(signature, options.whole, taken) - bindings.keys()
    counted = [
        spec
        for spec in signature.inputs
        if spec.name not in whole | bindings.keys()
        and arrays[spec.name].ndim
        and not (spec.sizes and isinstance(spec.sizes[0], int))
    ]
    lengths = {spec.name: len(arrays[spec.name]) for spec in counted}
    if len(set(lengths.values())) > 1 and are_unrelated(signature, lengths):
        return whole | lengths.keys()
    return whole


def _match(
    specs: list[TensorSpec], arrays: Tensors, rules: Mapping[str, Rule], label: str
) -> dict[str, TensorMatch]:
    """Match each input with an array of the file."""
    by_name = {spec.name: spec for spec in specs}
    matches = match_tensors(
        list(by_name),
        list(arrays),
        rules,
        lambda name, other: possible_layouts(by_name[name], arrays[other]),
        outputs=False,
        label=label,
    )
    matched = {match.name: match for match in matches}
    missing = next((name for name in by_name if name not in matched), None)
    if missing is not None:
        free = sorted(arrays.keys() - {match.other for match in matches})
        fitting = [name for name in free if possible_layouts(by_name[missing], arrays[name])]
        remedy = ""
        if free:
            option = shell_word(f"{label}:{missing}={(fitting or free)[0]}")
            remedy = f"; say which it is, as --map {option}"
        raise InputError(
            f"has no '{missing}', only {', '.join(sorted(arrays)) or 'no array at all'}{remedy}"
        )
    return matched


def _as_input(
    spec: TensorSpec, array: LazyArray, match: TensorMatch, limits: Any, label: str
) -> tuple[LazyArray, list[str]]:
    """Convert an array of the file for an input, whenever samples are taken, and note how."""
    if match.axes is not None:
        array = array.with_values(rearranged(array.view(), match.axes, match.other, match.layout))
    single, reshaped = with_axes_of_single_value(spec, array)
    array, conversion = single.converted(lambda values: converted(spec, values, limits))
    check_shape(spec, array, match.other, label)
    taken = f"taken from '{match.other}' ({match.note})" if match.note else ""
    return array, [note for note in (taken, reshaped, conversion) if note]
