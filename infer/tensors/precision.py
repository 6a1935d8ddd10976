"""The precision of an artifact: in which types it calculates, and how it is quantised."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from .dtypes import UnknownTypeError, dtype_of, epsilon_of, kind_of

# Quantised values that are assumed where their number is not known.
_ASSUMED = 20
# Weights are quantised if so many of them are stored in so few bits.
_FEW_BITS, _SMALL_SHARE = 8, 0.25
_COMPLEX = {"complex64": "float32", "complex128": "float64"}
# Bits of integers whose relative rounding errors are like those of these small floating-point
# types: 3, 2 and 1 bits of mantissa.
_BITS_LIKE = {"e4m3": 6, "e3m4": 7, "e5m2": 5, "e2m1": 4}


@dataclass(frozen=True)
class OutputSteps:
    """The steps of the last quantised values that an output is calculated from.

    Attributes:
        output_step: the step of the output itself; 0 if it is not quantised.
        inner: the step of what `through` was applied to; that of the output if that is "".
        through: the function between the two: "softmax", "sigmoid" or "" for none.
        low, high: the range of a quantised output; None if it has none.
    """

    output_step: float
    inner: float
    through: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Quantisation:
    """How a graph is quantised.

    Attributes:
        weights: number of weights that are quantised.
        weight_bits: bits of a weight, the fewest.
        activations: number of other values that are quantised.
        activation_bits: bits of such a value, the fewest.
        dynamic: whether the ranges of values are found in each call, and are not in the file.
        outputs: the last steps by output, where the file tells them.
        is_counted: whether the numbers are counted; otherwise they are assumed.
    """

    weights: int
    weight_bits: int = 8
    activations: int = 0
    activation_bits: int = 8
    dynamic: bool = False
    outputs: Mapping[str, OutputSteps] = field(default_factory=dict)
    is_counted: bool = True

    @property
    def bits(self) -> int:
        """The fewest bits of a value."""
        return min(
            self.weight_bits if self.weights else 64,
            self.activation_bits if self.activations else 64,
        )

    def steps_by(self, names: Sequence[str]) -> Mapping[str, OutputSteps]:
        """The last steps of outputs, by the names that they have elsewhere.

        Args:
            names: names of the outputs that they are compared with.
        """
        distinct = set(self.outputs.values())
        if len(names) == len(distinct) == 1:  # the names of the only outputs may differ
            return {names[0]: distinct.pop()}
        return self.outputs

    @property
    def text(self) -> str:
        """How it is quantised, in words."""
        parts = []
        if not self.is_counted:
            assumed = self.weights + self.activations
            return f"values of {self.bits} bits, whose number is not known: taken as {assumed}"
        if self.weights:
            parts.append(f"{_count(self.weights, 'weight')} of {self.weight_bits} bits")
        if self.activations:
            ranges = "with ranges found in each call" if self.dynamic else "with fixed ranges"
            many = _count(self.activations, "value")
            parts.append(f"{many} of {self.activation_bits} bits {ranges}")
        return " and ".join(parts)


@dataclass(frozen=True)
class Precision:
    """The precision of an artifact.

    Attributes:
        arithmetic: the coarsest floating-point type that is calculated in; "" if not known.
        weights: the coarsest floating-point type of the weights, where it is coarser than the
            arithmetic; otherwise "".
        quantisation: how the graph is quantised; None if it is not.
    """

    arithmetic: str = ""
    weights: str = ""
    quantisation: Quantisation | None = None

    @property
    def name(self) -> str:
        """The coarsest type, as manifests name it; "" if nothing is known."""
        if self.quantisation:
            return f"int{self.quantisation.bits}"
        return self.weights or self.arithmetic

    @property
    def floating_point(self) -> list[str]:
        """The floating-point types, as tolerances name them."""
        names = [self.arithmetic] if self.arithmetic else []
        return [*names, f"weights of {self.weights}"] if self.weights else names

    @property
    def text(self) -> str:
        """The precision in words; "" if nothing is known."""
        if self.quantisation:
            rest = f"; the rest {self.arithmetic}" if self.arithmetic else ""
            return f"{self.name} ({self.quantisation.text}{rest})"
        if self.weights:
            return f"{self.arithmetic}, weights of {self.weights}"
        return self.arithmetic


def coarsest(names: Iterable[str]) -> str:
    """The coarsest floating-point type among names of types; "" if there is none."""
    steps = {}
    for name in names:
        plain = _COMPLEX.get(name, name)
        step = _step(plain)
        if step is not None:
            steps[plain] = step
    return max(steps, key=lambda name: steps[name], default="")


def precision_from(
    arithmetic: Iterable[str], weights: Iterable[str], quantisation: Quantisation | None = None
) -> Precision:
    """The precision of a graph whose types are known.

    Args:
        arithmetic: types of values that are calculated; others than floating point are left out.
        weights: types of weights that are converted to finer ones before they are used.
        quantisation: how the graph is quantised.
    """
    coarse, stored = coarsest(arithmetic), coarsest(weights)
    is_coarser = stored and stored != coarse and coarsest([coarse, stored]) == stored
    return Precision(coarse, stored if is_coarser else "", quantisation)


def uncounted(bits: int) -> Quantisation:
    """A quantisation of which no more is known than that there are values of so few bits."""
    return Quantisation(0, bits, _ASSUMED, bits, dynamic=True, is_counted=False)


def with_stored_weights(weights: Mapping[str, int], products: int) -> Quantisation | None:
    """How a graph is quantised by what its weights are stored in, where no operator tells it.

    Args:
        weights: bytes of the weights that its outputs depend on, by type. Others do not count:
            whoever adds some to a file would be judged by the wider limits of quantised models.
        products: number of operators that take weights.

    Returns:
        None if few of the weights have 8 bits or fewer: a table or a mask is no quantisation.
    """
    counts: dict[str, int] = {}
    bits: dict[str, int] = {}
    for name, size in weights.items():
        few = bits_of(name)
        known = few or _bits_of_float(name)
        if known:
            counts[name] = size * 8 // known
        if few is not None and few <= _FEW_BITS:
            bits[name] = few
    small = sum(counts[name] for name in bits)
    if not bits or small < _SMALL_SHARE * sum(counts.values()):
        return None
    return Quantisation(max(products, 1), min(bits.values()))


def _bits_of_float(name: str) -> int:
    try:
        dtype = dtype_of(name)
    except UnknownTypeError:
        return 0
    return dtype.itemsize * 8 if kind_of(dtype) == "float" else 0


def bits_of(name: str) -> int | None:
    """Bits of a type that values are quantised to; None if it is none.

    For floating-point types of 8 and 4 bits these are the bits of an integer with like errors.
    """
    for part, bits in _BITS_LIKE.items():
        if name.startswith("float") and part in name:
            return bits
    known = {"int8": 8, "uint8": 8, "qint8": 8, "quint8": 8, "int16": 16, "uint16": 16}
    known |= {"int4": 4, "uint4": 4, "int2": 2, "uint2": 2, "uint1": 1}
    return known.get(name)


def _step(name: str) -> float | None:
    if bits_of(name) is not None:
        return None
    try:
        dtype = dtype_of(name)
    except UnknownTypeError:
        return None
    return epsilon_of(dtype) if kind_of(dtype) == "float" else None


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
