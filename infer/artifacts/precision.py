"""Which precision counts: that of an artifact's content, or what its manifest says."""

from __future__ import annotations

from ..tensors.precision import Precision, bits_of, coarsest, uncounted
from .manifest import Manifest


def precision_of(content: Precision | None, manifest: Manifest | None) -> Precision:
    """Choose the precision that an artifact is judged by.

    The content counts wherever it tells anything: a manifest that names a coarser type would widen
    the tolerance for whatever lies beside it, and one that names a finer type would fail a right
    conversion.

    Args:
        content: as the reader of its format finds it; None if there is no reader.
        manifest: the manifest; None if there is none.
    """
    if content is not None and content.name:
        return content
    stated = manifest.precision if manifest else ""
    bits = bits_of(stated)
    if bits is not None:
        return Precision(quantisation=uncounted(bits))
    return Precision(coarsest([stated]))


def contradiction(precision: Precision, manifest: Manifest | None) -> str:
    """Say that a manifest names another precision than counts; "" if it does not."""
    stated = manifest.precision if manifest else ""
    known = stated and (bits_of(stated) is not None or coarsest([stated]))
    if not known or not precision.name or stated in (precision.name, precision.arithmetic):
        return ""
    return f"its manifest says {stated}, its content is {precision.text}: that counts"
