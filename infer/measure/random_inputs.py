"""The random inputs of a run, for the union of the inputs of all artifacts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from ..artifacts.files import sha256_of
from ..errors import InputError, MapError
from ..inputs import random
from ..inputs.drawn import DrawnArray
from ..inputs.random import UnderspecifiedSignatureError
from ..inputs.writing import write_inputs
from ..outcome import Failure, Outcome
from ..records.artifact_events import InputsDrawn
from ..tensors.matching import plain
from ..tensors.rules import rules_for
from ..tensors.signature import Signature, TensorSpec
from ..variant import TUNED
from .file_signatures import file_signature
from .run_context import RunContext


class RandomInputs:
    """Draws the random inputs of a run, once.

    They are drawn for the artifact that is loaded first. What others take beside is drawn as their
    files state it, so that it does not matter which comes first.
    """

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._signatures: dict[str, Signature | None] = {}

    @property
    def are_missing(self) -> bool:
        """Whether they are yet to be drawn."""
        context = self._context
        return context.plan.random is not None and not context.store.of_type(InputsDrawn)

    def ordered(self, labels: Sequence[str]) -> list[str]:
        """Order artifacts so that those with the most inputs of known shape come first.

        Of these, those that take pixels of 8 bits come first: others can be given the same
        pictures as floating point, but not the other way round.
        """
        if not self.are_missing or len(labels) < 2:
            return list(labels)

        def rank(label: str) -> tuple[int, bool]:
            specs = self._complete(label)
            return -len(specs), not any(spec.dtype == "uint8" for spec in specs)

        return sorted(labels, key=rank)

    def draw(self, label: str, signature: Signature) -> None:
        """Draw the inputs of an artifact that is loaded, and what the others take beside.

        Raises:
            UnderspecifiedSignatureError: its signature does not tell enough.
            Failure: no inputs can be drawn for it.
        """
        context = self._context
        assert context.plan.random
        try:
            arrays, notes = self._generate(label, signature)
        except UnderspecifiedSignatureError:
            raise
        except InputError as error:
            raise Failure(Outcome.BAD_INPUT, str(error)) from None
        for other in context.active():
            if other == label:
                continue
            stated = self._signature(other)
            for name in self._missing(other, list(arrays)):
                assert stated
                try:
                    more, how = self._generate(other, stated, [name])
                except InputError:
                    continue  # it is said where the artifact takes its inputs
                arrays |= more
                notes += how
        try:
            write_inputs(context.inputs[label], arrays)
        except InputError as error:
            raise Failure(Outcome.BAD_INPUT, str(error)) from None
        sha256 = sha256_of(context.inputs[label])
        context.store.add(InputsDrawn(artifact=label, notes=tuple(notes), sha256=sha256))

    def _generate(
        self, label: str, signature: Signature, names: Sequence[str] | None = None
    ) -> tuple[dict[str, DrawnArray], list[str]]:
        plan = self._context.plan
        assert plan.random
        manifest = self._context.artifacts[label].manifest
        stated = asdict(manifest.signature) if manifest else None
        return random.generate(
            *(plan.random, self._described(label, signature), stated, plan.input_options, label),
            names=names,
            pixels=self._floating_elsewhere(label, signature),
        )

    def _described(self, label: str, signature: Signature) -> Signature:
        """The signature, with what another artifact tells of inputs of the same name."""
        by_name = {
            plain(spec.name): spec
            for other in reversed(self._context.active())
            if other != label
            for spec in self._complete(other)
        }

        def described(spec: TensorSpec) -> TensorSpec:
            other = None if spec.is_described else by_name.get(plain(spec.name))
            return spec if other is None else replace(other, name=spec.name, range=spec.range)

        return Signature(tuple(map(described, signature.inputs)), signature.outputs)

    def _floating_elsewhere(self, label: str, signature: Signature) -> set[str]:
        """Names of an artifact's inputs that another artifact takes as floating point."""
        floating = {
            plain(spec.name)
            for other in self._context.active()
            if other != label
            for spec in self._complete(other)
            if spec.dtype.startswith(("float", "bfloat"))
        }
        return {spec.name for spec in signature.inputs if plain(spec.name) in floating}

    def _missing(self, label: str, drawn: Sequence[str]) -> list[str]:
        """Names of inputs of an artifact that none of the drawn arrays can be."""
        signature = self._signature(label)
        if signature is None:
            return []
        inputs = [spec.name for spec in signature.inputs]
        outputs = [spec.name for spec in signature.outputs]
        try:
            rules, _ = rules_for(
                self._context.plan.input_options.rules, label, inputs, outputs, drawn
            )
        except MapError:
            return []  # it is said where the artifact takes its inputs
        wanted = {name: rules[name].other if name in rules else name for name in inputs}
        known = {plain(name) for name in drawn}
        missing = [name for name in inputs if plain(wanted[name]) not in known]
        free = known - {plain(name) for name in wanted.values()}
        # As many as are left are matched by what fits.
        return [] if len(missing) == len(free) else missing

    def _complete(self, label: str) -> list[TensorSpec]:
        signature = self._signature(label)
        return [spec for spec in signature.inputs if spec.is_described] if signature else []

    def _signature(self, label: str) -> Signature | None:
        """What the file of an artifact states, read once."""
        if label not in self._signatures:
            variant = self._context.plan.variants.get(label, TUNED)
            artifact = self._context.artifacts[label]
            self._signatures[label] = file_signature(artifact, variant.signature)
        return self._signatures[label]
