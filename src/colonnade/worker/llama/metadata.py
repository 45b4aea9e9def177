"""What a model file says of itself."""

from __future__ import annotations

import ctypes
import math
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import llama_cpp

from colonnade.messages import ModelInfo

if TYPE_CHECKING:
    from collections.abc import Callable

    from colonnade.worker.llama.encoder import LlamaEncoder
    from colonnade.worker.llama.model import LlamaModel

_TEMPLATE = "tokenizer.chat_template"

_SAMPLING = {
    "temp": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
    "min_p": "min_p",
    "xtc_probability": "xtc_probability",
    "xtc_threshold": "xtc_threshold",
    "penalty_last_n": "repeat_last_n",
    "penalty_repeat": "repeat_penalty",
    "mirostat": "mirostat",
    "mirostat_tau": "mirostat_tau",
    "mirostat_eta": "mirostat_eta",
}
"""``general.sampling.*`` keys and our names for them."""


def describe(loaded: LlamaModel | LlamaEncoder) -> ModelInfo:
    """Everything that the server process needs to know of a model."""
    model, vocabulary = loaded.pointer, loaded.vocabulary
    metadata = _all(model)
    templates = {
        key.removeprefix(_TEMPLATE).removeprefix(".") or "default": text
        for key, text in metadata.items()
        if key == _TEMPLATE or key.startswith(_TEMPLATE + ".")
    }
    return ModelInfo(
        path=loaded.path,
        draft=Path(loaded.draft_path).name,
        projector="" if loaded.projector is None else Path(loaded.projector.path).name,
        media=() if loaded.projector is None else tuple(sorted(loaded.projector.kinds)),
        name=metadata.get("general.name") or Path(loaded.path).stem,
        architecture=metadata.get("general.architecture", ""),
        # " ?B" is where llama.cpp has no name for the size.
        description=_string(partial(llama_cpp.llama_model_desc, model)).replace(" ?B", ""),
        parameters=llama_cpp.llama_model_n_params(model),
        size=llama_cpp.llama_model_size(model),
        vocab_size=vocabulary.size,
        ctx_train=llama_cpp.llama_model_n_ctx_train(model),
        ctx_size=loaded.ctx_size,
        slots=loaded.slots,
        embedding_size=llama_cpp.llama_model_n_embd(model),
        memory=resident_bytes(),
        chat_templates=templates,
        bos_token=vocabulary.text(vocabulary.bos),
        eos_token=vocabulary.text(vocabulary.eos),
        eot_token=vocabulary.text(vocabulary.eot),
        special_tokens=vocabulary.special_tokens(),
        control_tokens=vocabulary.control_tokens(),
        grammar_tokens=vocabulary.grammar_tokens(),
        add_bos=vocabulary.add_bos and vocabulary.bos is not None,
        infill=all(token is not None for token in vocabulary.infill),
        recurrent=loaded.recurrent,
        sliding_window=llama_cpp.llama_model_n_swa(model),
        decoder=loaded.can_generate,
        sampling=_recommended(metadata),
        metadata={key: text for key, text in metadata.items() if not key.startswith("tokenizer.")},
        pooling=loaded.pooling,
        row_size=loaded.row_size,
        labels=loaded.labels,
    )


def is_causal(model: Any) -> bool:  # noqa: ANN401 - a ctypes pointer
    """Whether a model may generate text, as far as its file tells: it has no encoder, and does not
    look ahead."""
    if llama_cpp.llama_model_has_encoder(model) or not llama_cpp.llama_model_has_decoder(model):
        return False
    metadata = _all(model)
    architecture = metadata.get("general.architecture", "")
    return metadata.get(f"{architecture}.attention.causal") != "false"


def resident_bytes() -> int:
    """Resident memory of this process, 0 where the system does not tell."""
    try:
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    except OSError:
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _recommended(metadata: dict[str, str]) -> dict[str, float]:
    found = {}
    for key, name in _SAMPLING.items():
        text = metadata.get(f"general.sampling.{key}")
        try:
            value = float(text) if text is not None else math.nan
        except ValueError:
            continue
        if math.isfinite(value):
            found[name] = value
    return found


def _all(model: Any) -> dict[str, str]:  # noqa: ANN401
    """Every key of the file that llama.cpp can show as text."""
    key_at = llama_cpp.llama_model_meta_key_by_index
    value_at = llama_cpp.llama_model_meta_val_str_by_index
    indexes = range(llama_cpp.llama_model_meta_count(model))
    return {
        _string(partial(key_at, model, index)): _string(partial(value_at, model, index))
        for index in indexes
    }


def _string(read: Callable[[Any, int], int]) -> str:
    """A C string from a function with snprintf's contract, of whatever length it has."""
    size = 256
    while True:
        buffer = ctypes.create_string_buffer(size)
        length = read(buffer, size)
        if length < size:
            return buffer.value.decode("utf-8", "replace")
        size = length + 1
