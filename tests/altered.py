"""Model files with other metadata than they should have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gguf import GGUFReader, GGUFValueType, GGUFWriter

if TYPE_CHECKING:
    from pathlib import Path


def altered(
    source: Path, target: Path, changes: dict[str, Any], *, arch: str | None = None
) -> Path:
    """Copy a GGUF file with other values for some keys; None drops a key."""
    reader = GGUFReader(source)
    writer = GGUFWriter(target, arch or reader.fields["general.architecture"].contents())
    for name, field in reader.fields.items():
        if name == "general.architecture" or name.startswith("GGUF."):
            continue
        value = changes.get(name, field.contents())
        if value is not None:
            inner = field.types[-1] if field.types[0] == GGUFValueType.ARRAY else None
            writer.add_key_value(name, value, field.types[0], sub_type=inner)
    for name, value in changes.items():
        if name not in reader.fields:
            writer.add_key_value(name, value, GGUFValueType.get_type(value))
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target
