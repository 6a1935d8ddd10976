"""The forms in which outputs are kept for the user."""

from __future__ import annotations

from typing import Literal, get_args

OutputForm = Literal["npy", "parquet"]
OUTPUT_FORMS: tuple[str, ...] = get_args(OutputForm)
