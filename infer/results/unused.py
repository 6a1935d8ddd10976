"""What the user gave and no artifact took."""

from __future__ import annotations

from ..inputs.options import InputOptions
from ..tensors.rules import EVERY
from .record_index import RecordIndex


def unused_arrays(index: RecordIndex) -> list[str]:
    """A notice about arrays of the user's file that no artifact takes."""
    if index.run.inputs is None or not index.preflights:
        return []
    unused = set.intersection(
        *(set(preflight.inputs.unused) for preflight in index.preflights.values())
    )
    if not unused:
        return []
    names = ", ".join(f"'{name}'" for name in sorted(unused))
    return [f"UNUSED ARRAYS: of {index.run.inputs}, no artifact that was run takes {names}."]


def unused_options(index: RecordIndex) -> list[str]:
    """Notices about options of the user that match nothing in any artifact."""
    if len(index.preflights) < len(index.artifacts):
        return []  # an artifact that could not be loaded may have it
    signatures = [preflight.load.signature for preflight in index.preflights.values()]
    specs = [spec for signature in signatures for spec in (*signature.inputs, *signature.outputs)]
    # With the inputs that have a default and were given.
    specs += [spec for preflight in index.preflights.values() for spec in preflight.inputs.inputs]
    names = {spec.name for spec in specs} | {
        name for parity in index.parities.values() for name in parity.by_output
    }
    sizes = {size for spec in specs for size in spec.sizes if isinstance(size, str)}
    sizes |= {f"{spec.name}.{axis}" for spec in specs for axis in range(len(spec.sizes))}
    options: InputOptions = index.run.input_options
    given = {
        "map": [rule.name for rule in options.rules if rule.artifact == EVERY],
        "ignore": index.run.ignored,
        "compare": (
            *index.run.absolute,
            *(name for row_set in index.run.row_sets for name in row_set.names),
        ),
        "rows": [column.output for column in index.run.sample_columns if column.artifact == EVERY],
        "allow": tuple(index.run.allowed),
    }
    unused = [
        (option, name) for option, all_ in given.items() for name in all_ if name not in names
    ]
    unused += [("dim", name) for name in options.dims if name not in sizes]
    names |= {rule.other for rule in options.rules}
    unused += [
        ("loop", loop.text)
        for loop in options.loops
        if loop.artifact == EVERY and not {loop.output, loop.input} & names
    ]
    return [f"UNUSED OPTION: --{option} {name}: no artifact has it." for option, name in unused]
