"""Writes a checkpoint as a GGUF file that llama.cpp opens.

Usage: python -m demo_model.export RUN_DIR OUT.gguf
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from gguf import GGMLQuantizationType, GGUFWriter, LlamaFileType, TokenType
from gguf.quants import quantize
from torch import Tensor

from . import tokenizer as vocabulary
from .model import Shape
from .render import TEMPLATE_PATH

NAME = "Stoa"
DESCRIPTION = (
    "The embedded demo model of Colonnade: small enough to ship with the server, trained from "
    "nothing on made-up dialogues."
)
_NAMES = {
    "attn_norm": "attn_norm",
    "attn.q": "attn_q",
    "attn.k": "attn_k",
    "attn.v": "attn_v",
    "attn.out": "attn_output",
    "ffn_norm": "ffn_norm",
    "gate": "ffn_gate",
    "up": "ffn_up",
    "down": "ffn_down",
}


def gguf_name(name: str) -> str:
    """The GGUF name of a parameter, such as `blk.0.attn_q.weight`."""
    if name == "embed.weight":
        return "token_embd.weight"
    if name == "norm.weight":
        return "output_norm.weight"
    _, layer, rest = name.split(".", 2)
    return f"blk.{layer}.{_NAMES[rest.removesuffix('.weight')]}.weight"


def _add_shape(writer: GGUFWriter, shape: Shape) -> None:
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.dim)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_rope_dimension_count(shape.head_dim)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_layer_norm_rms_eps(shape.norm_eps)
    writer.add_vocab_size(shape.vocab)


def _add_vocabulary(writer: GGUFWriter, path: Path) -> None:
    data = json.loads(path.read_text(encoding="utf-8"))
    ids: dict[str, int] = dict(data["model"]["vocab"])
    ids.update({token["content"]: token["id"] for token in data["added_tokens"]})
    tokens = sorted(ids, key=lambda token: ids[token])
    kinds = [
        TokenType.CONTROL
        if token in vocabulary.CONTROL
        else TokenType.USER_DEFINED
        if token in vocabulary.USER_DEFINED
        else TokenType.NORMAL
        for token in tokens
    ]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges([" ".join(merge) for merge in data["model"]["merges"]])
    writer.add_bos_token_id(ids[vocabulary.END_OF_TEXT])
    writer.add_eos_token_id(ids[vocabulary.IM_END])
    writer.add_eot_token_id(ids[vocabulary.IM_END])
    writer.add_pad_token_id(ids[vocabulary.END_OF_TEXT])
    writer.add_add_bos_token(False)
    for part, token in (
        ("pre", vocabulary.FIM_PREFIX),
        ("suf", vocabulary.FIM_SUFFIX),
        ("mid", vocabulary.FIM_MIDDLE),
    ):
        writer.add_uint32(f"tokenizer.ggml.fim_{part}_token_id", ids[token])
    writer.add_chat_template(TEMPLATE_PATH.read_text(encoding="utf-8"))


def _add_tensor(writer: GGUFWriter, name: str, tensor: Tensor) -> None:
    values = tensor.float().numpy()
    if values.ndim == 1:
        writer.add_tensor(gguf_name(name), values)
        return
    kind = GGMLQuantizationType.Q8_0
    writer.add_tensor(gguf_name(name), quantize(np.ascontiguousarray(values), kind), raw_dtype=kind)


def export(folder: Path, out: Path) -> None:
    """Writes `out` in one step from the checkpoint and the vocabulary in `folder`."""
    state = torch.load(folder / "checkpoint.pt", weights_only=True, map_location="cpu")
    part = out.with_suffix(".part")
    writer = GGUFWriter(part, "llama")
    writer.add_name(NAME)
    writer.add_description(DESCRIPTION)
    writer.add_author("The Colonnade authors")
    writer.add_license("MIT")
    writer.add_size_label("6M")
    writer.add_file_type(LlamaFileType.MOSTLY_Q8_0)
    _add_shape(writer, Shape(**state["shape"]))
    _add_vocabulary(writer, folder / "tokenizer.json")
    for name, tensor in state["model"].items():
        _add_tensor(writer, name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    part.replace(out)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Export a checkpoint to GGUF.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    export(args.folder, args.out)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
