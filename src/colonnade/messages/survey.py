"""What a model takes, and what its file is, as both are found out without loading it."""

from __future__ import annotations

from msgspec import Struct

from colonnade.messages.model import LoadModel  # noqa: TC001 - msgspec reads the annotation


def size_text(count: int) -> str:
    """A number of bytes as people write it."""
    return f"{count / (1 << 30):,.1f} GiB" if count >= 1 << 30 else f"{count / (1 << 20):.0f} MiB"


class GpuUse(Struct, frozen=True, array_like=True, gc=False):
    """What a model takes of one GPU, in bytes."""

    name: str
    """llama.cpp's, such as ``CUDA0``."""
    weights: int
    cache: int
    compute: int
    free: int = 0
    """What was free there when this was found out; 0 where the GPU does not say."""

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.cache + self.compute


class Footprint(Struct, frozen=True, array_like=True, gc=False):
    """What a model takes of the machine's memory, in bytes; what lies on GPUs is told apart.

    The copies of earlier prompts' states (``LoadModel.cache_size``) are no part of it.
    """

    weights: int
    """Those that are read, or rearranged, with adapters and projector."""
    mapped: int
    """Those of a mapped file, whose pages the system may drop and read again."""
    cache: int
    """Keys and values of all slots, and recurrent states."""
    compute: int
    """What is computed with, and rows of logits."""
    program: int
    """The process itself, with the vocabulary."""
    gpus: tuple[GpuUse, ...] = ()

    @property
    def own(self) -> int:
        """What has to be there: all but the pages of a mapped file."""
        return self.weights + self.cache + self.compute + self.program

    @property
    def total(self) -> int:
        """What has to be there for the model to be quick, a mapped file's pages among it."""
        return self.own + self.mapped


class FileFacts(Struct, frozen=True, array_like=True, gc=False):
    """What the header of a GGUF file says of it."""

    path: str
    name: str
    """``general.name``, or the file's stem."""
    architecture: str
    parameters: int
    """Numbers in all tensors."""
    size: int
    """Bytes of the file, or of all of its parts."""
    ctx_train: int
    """Tokens of context that it was trained on, 0 where it says nothing."""
    embedding_size: int
    vocab_size: int
    pooling: str
    """``none``, ``mean``, ``cls``, ``last`` or ``rank``; empty where it says nothing."""
    decoder: bool
    """It may generate text: a language model that does not look ahead."""
    chat_template: bool
    tools: bool
    """Its chat template speaks of tools."""
    thoughts: bool
    """Its chat template speaks of thoughts."""
    infill: bool
    """It has the tokens for a beginning and an end to fill in between."""
    projector: bool
    """It is no model, but what turns pictures or sounds into a model's embeddings."""
    vision: bool
    """Of a projector: it takes pictures."""
    audio: bool
    """Of a projector: it takes sounds."""
    adapter: bool
    """It is no model, but changes one (LoRA)."""
    labels: tuple[str, ...] = ()
    """What a classifier tells apart; a reranker has one, or two."""
    quantization: str = ""
    """As the file names it, such as Q4_K_M; empty where it does not."""
    types: tuple[tuple[str, int], ...] = ()
    """Types of its tensors, such as Q4_K, with the bytes of each, the most first."""
    license: str = ""
    base_models: tuple[str, ...] = ()
    """What it was made of, as OWNER/NAME where the file says that much."""

    @property
    def model(self) -> bool:
        """It can be loaded by itself."""
        return not self.projector and not self.adapter


class Fit(Struct, frozen=True, array_like=True, tag="fit", gc=False):
    """How a model is loaded so that it fits, and what it takes then."""

    load: LoadModel
    """With everything chosen."""
    footprint: Footprint

    @property
    def takes(self) -> str:
        """What the model takes, part by part, in words."""
        load, found = self.load, self.footprint
        parts = [
            f"{size_text(found.weights + found.mapped)} for weights",
            f"{size_text(found.cache)} for the context of {load.slots} x {load.ctx_size} tokens",
            f"{size_text(found.compute)} to compute with",
            f"{size_text(found.program)} for the program",
        ]
        parts += [f"{size_text(gpu.total)} of {gpu.name}" for gpu in found.gpus if gpu.total]
        return f"{load.path} takes {', '.join(parts)}"

    def beyond(self, budget: int) -> str:
        """Why it does not fit into so many bytes, in words."""
        room = f"there is room for {size_text(budget)}"
        return f"{self.takes}, {size_text(self.footprint.total)} in all; {room}"


class Described(Struct, frozen=True, array_like=True, tag="described", gc=False):
    """A file's facts."""

    facts: FileFacts


class Unfit(Struct, frozen=True, array_like=True, tag="unfit", gc=False):
    """There is no answer; the text, for the user, says why."""

    text: str


class FitOrder(Struct, frozen=True, array_like=True, tag="fit", gc=False):
    """Choose what a load leaves open."""

    load: LoadModel
    budget: int | None = None
    """Bytes of the machine's memory that it may take in all; None for any number."""
    gpu_budget: tuple[int, ...] | None = None
    """Bytes of each GPU; None for most of what is free there."""


class DescribeOrder(Struct, frozen=True, array_like=True, tag="describe", gc=False):
    """Tell what a file is."""

    path: str


ToSurvey = FitOrder | DescribeOrder
FromSurvey = Fit | Described | Unfit
