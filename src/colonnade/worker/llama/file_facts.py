"""What a GGUF file is, by its header alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from colonnade.messages import FileFacts
from colonnade.worker.llama.errors import ModelError
from colonnade.worker.llama.gguf import Gguf, Wanted, read_gguf, shards
from colonnade.worker.llama.header import HeaderError
from colonnade.worker.llama.loading import check_file
from colonnade.worker.llama.quantization import file_quantization, tensor_types

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from colonnade.worker.llama.gguf import Tensor

_POOLING = ("none", "mean", "cls", "last", "rank")
"""``enum llama_pooling_type``, from 0 on."""

ENCODERS = {
    "bert", "modern-bert", "nomic-bert", "nomic-bert-moe", "neo-bert", "jina-bert-v2",
    "jina-bert-v3", "eurobert", "gemma-embedding", "wavtokenizer-dec", "t5encoder",
}  # fmt: skip
"""Architectures without a memory, or without a decoder, as llama.cpp has them."""

_OTHERS = {"t5", "eagle3", "dflash", "dream", "llada", "llada-moe", "rnd1", "clip"}
"""Those that write in another way than one token after the other, or only together with another
model."""

_INFILL = (
    ("prefix", ("<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>",
                "▁<PRE>", "<|code_prefix|>", "<|prefix|>")),
    ("suffix", ("<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>",
                "▁<SUF>", "<|code_suffix|>", "<|suffix|>")),
    ("middle", ("<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>",
                "▁<MID>", "<|code_middle|>", "<|middle|>")),
)  # fmt: skip
"""How llama.cpp knows the tokens for a gap (``llama_vocab::impl::load``), unless the file says."""

_TOOLS = ("tools",)
_THOUGHTS = ("reasoning_content", "<think>", "enable_thinking", "thinking", "<|channel|>")
"""What chat templates have to do with them in their text."""

_LONGEST_NAME = 200
_MOST_BASES = 8
_TEMPLATE = "tokenizer.chat_template"
_LABELS = ".classifier.output_labels"
_WANTED = Wanted(texts=(_LABELS,), tokens=tuple(token for _, tokens in _INFILL for token in tokens))


def file_facts(path: Path) -> FileFacts:
    """Read the header of a file, and of all of its parts.

    Raises:
        ModelError: it is no GGUF file, or is damaged.
    """
    check_file(path)
    try:
        files = shards(path)
        parts = [read_gguf(file, _WANTED) for file in files]
        size = sum(file.stat().st_size for file in files)
    except HeaderError as error:
        raise ModelError(str(error)) from error
    except OSError as error:
        msg = f"{path} cannot be read: {error.strerror}"
        raise ModelError(msg) from error
    return _facts(path, parts[0], [each for part in parts for each in part.tensors], size)


def _facts(path: Path, head: Gguf, tensors: list[Tensor], size: int) -> FileFacts:
    said = _Said(head)
    architecture = said.text("general.architecture")
    projector = architecture == "clip" or said.text("general.type") == "mmproj"
    adapter = said.text("general.type") == "adapter"
    model = not projector and not adapter
    templates = [text for key, text in head.values.items() if key.startswith(_TEMPLATE)]
    texts = [text for text in templates if isinstance(text, str)]
    return FileFacts(
        path=str(path),
        name=said.text("general.name") or path.stem,
        architecture=architecture,
        parameters=sum(tensor.parameters for tensor in tensors),
        size=size,
        ctx_train=said.number("context_length"),
        embedding_size=said.number("embedding_length"),
        vocab_size=_vocabulary(head),
        pooling=said.pooling(),
        decoder=model and _generates(architecture, said),
        chat_template=bool(texts),
        tools=_mentions(texts, _TOOLS),
        thoughts=_mentions(texts, _THOUGHTS),
        infill=model and all(_has(head, *each) for each in _INFILL),
        projector=projector,
        vision=projector and said.projects("vision"),
        audio=projector and said.projects("audio"),
        adapter=adapter,
        labels=next(iter(head.texts.values()), ()),
        quantization=file_quantization(head.values.get("general.file_type")),
        types=tensor_types(tensors),
        license=said.text("general.license"),
        base_models=said.base_models(),
    )


class _Said:
    """The scalars of a header, by type."""

    def __init__(self, head: Gguf) -> None:
        self._values = head.values
        self._architecture = self.text("general.architecture")

    def text(self, key: str) -> str:
        """A text, cut where nobody needs more; empty where there is none."""
        value = self._values.get(key)
        return value[:_LONGEST_NAME] if isinstance(value, str) else ""

    def number(self, name: str) -> int:
        """A number of the architecture's; 0 where there is none."""
        value = self._values.get(f"{self._architecture}.{name}")
        return value if isinstance(value, int) and 0 <= value < 1 << 63 else 0

    def flag(self, key: str) -> bool | None:
        """A truth; None where there is none."""
        value = self._values.get(key)
        return value if isinstance(value, bool) else None

    def pooling(self) -> str:
        """How the file has embeddings pooled."""
        value = self._values.get(f"{self._architecture}.pooling_type")
        known = isinstance(value, int) and 0 <= value < len(_POOLING)
        return _POOLING[int(value)] if known else ""  # type: ignore[arg-type]

    def causal(self) -> bool:
        """Whether attention looks back alone."""
        return self.flag(f"{self._architecture}.attention.causal") is not False

    def base_models(self) -> tuple[str, ...]:
        """What it was made of."""
        count = self._values.get("general.base_model.count")
        count = count if isinstance(count, int) else 0
        heads = [f"general.base_model.{number}" for number in range(min(count, _MOST_BASES))]
        owners = [(self.text(f"{head}.organization"), self.text(f"{head}.name")) for head in heads]
        return tuple("/".join(filter(None, each)) for each in owners if any(each))

    def projects(self, what: str) -> bool:
        """Whether a projector has an encoder for pictures, or for sounds."""
        return self.flag(f"clip.has_{what}_encoder") is True


def _generates(architecture: str, said: _Said) -> bool:
    known = architecture in ENCODERS or architecture in _OTHERS
    return not known and said.causal() and said.pooling() != "rank"


def _vocabulary(head: Gguf) -> int:
    tokens = head.arrays.get("tokenizer.ggml.tokens")
    return 0 if tokens is None else tokens.length


def _mentions(templates: Iterable[str], words: tuple[str, ...]) -> bool:
    return any(word in text for text in templates for word in words)


def _has(head: Gguf, place: str, tokens: tuple[str, ...]) -> bool:
    """Whether there is a token for a place of a gap, by the file's word or by its name."""
    ids = (f"fim_{place[:3]}_token_id", f"{place}_token_id")
    if any(f"tokenizer.ggml.{name}" in head.values for name in ids):
        return True
    return not head.contains.isdisjoint(tokens)
