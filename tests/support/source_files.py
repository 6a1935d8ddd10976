"""Small files of images and tables, as people have them."""

import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from PIL import Image


def image_bytes(height=4, width=4, mode="RGB", kind="PNG", value=None):
    """The content of an image: of one value, or of values that follow each other."""
    shape = (height, width, 3) if mode == "RGB" else (height, width)
    array = np.arange(np.prod(shape), dtype=np.uint32).reshape(shape).astype(np.uint8)
    if value is not None:
        array = np.full(shape, value, np.uint8)
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind)
    return file.getvalue()


def write_images(folder, images, description=None):
    """Write images, by their path in a folder, and a description beside them."""
    for name, content in images.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    if description is not None:
        (folder / "inputs.toml").write_text(description)
    return folder


def write_parquet(file, **columns):
    """Write a Parquet file in groups of two rows."""
    pa.parquet.write_table(pa.table(columns), file, row_group_size=2)
    return file


def write_saved(folder, splits=None, **columns):
    """Write a folder as `Dataset.save_to_disk` does, or `DatasetDict.save_to_disk` with splits."""
    folder.mkdir(parents=True, exist_ok=True)
    if splits:
        (folder / "dataset_dict.json").write_text(json.dumps({"splits": splits}))
        for split in splits:
            write_saved(folder / split, **columns)
        return folder
    table = pa.table(columns)
    file = "data-00000-of-00001.arrow"
    with pa.ipc.new_stream(str(folder / file), table.schema) as stream:
        stream.write_table(table)
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": file}]}))
    (folder / "dataset_info.json").write_text("{}")
    return folder
