"""The hash of a file of inputs, whose name may be a stranger's: a manifest's, or a record's."""

from __future__ import annotations

from pathlib import Path

from ..artifacts.files import sha256_of
from ..errors import InputError
from ..inputs.store import is_store
from ..inputs.store_hash import store_sha256

# A file system may compress files, and keep small ones in their entry.
_MOST_COMPRESSED, _SMALL_BYTES = 1000, 1 << 30


def inputs_sha256(path: Path) -> str:
    """Compute the SHA-256 of a file of inputs, or of a store.

    Raises:
        InputError: it cannot be read, or says that it is far larger than what it has on the disk:
            no run waits for the hash of a file without end.
    """
    try:
        if is_store(path):
            return store_sha256(path)
        status = path.stat()
        size = status.st_size
        if size > max(_SMALL_BYTES, _MOST_COMPRESSED * status.st_blocks * 512):
            raise InputError(
                f"{path}: says that it holds {size:,} bytes, of which hardly any exist"
            )
        return sha256_of(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from None
