"""The hash of a file of inputs, whose name may be a stranger's: a manifest's, or a record's."""

from __future__ import annotations

from pathlib import Path

from ..artifacts.files import sha256_of
from ..errors import InputError
from ..free_memory import available_bytes
from ..inputs.store import is_store
from ..inputs.store_hash import store_sha256


def inputs_sha256(path: Path) -> str:
    """Compute the SHA-256 of a file of inputs, or of a store.

    Raises:
        InputError: it cannot be read, or does not fit into memory: no run waits for the hash of a
            file without end.
    """
    try:
        if is_store(path):
            return store_sha256(path)
        if path.stat().st_size > available_bytes():
            raise InputError(f"{path}: holds more than fits into memory")
        return sha256_of(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
