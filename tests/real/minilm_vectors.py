"""What the runtime of the package that ships all-MiniLM-L6-v2 makes of the hundred sentences.

    python -m tests.real.minilm_vectors

That runtime is sentence-transformers on PyTorch (the extra `real-embeddings`: some gigabytes), so
its vectors and tokens are kept here in a file, which this writes anew. A test holds the file
against the runtime wherever that is installed.
"""

from __future__ import annotations

import itertools
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.minilm import weights
from tests.real.sentences import SENTENCES

if TYPE_CHECKING:
    from numpy.typing import NDArray

PATH = Path(__file__).with_name("minilm_vectors.npz")


def kept() -> tuple[NDArray[np.float32], list[list[int]]]:
    """A vector a sentence (sentences, 384), and the ids of its tokens."""
    with np.load(PATH) as file:
        ends = np.cumsum(file["counts"]).tolist()
        ids = file["ids"].tolist()
        starts = [0, *ends[:-1]]
        tokens = [ids[start:end] for start, end in zip(starts, ends, strict=True)]
        return file["vectors"].astype(np.float32), tokens


def computed() -> tuple[NDArray[np.float32], list[list[int]]]:
    """The same by sentence-transformers. Raises ``ModuleNotFoundError`` without it."""
    from sentence_transformers import SentenceTransformer

    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(weights()) as archive:
            archive.extractall(folder)
        model: Any = SentenceTransformer(folder, device="cpu")
    tokens = [model.tokenizer(text)["input_ids"] for text in SENTENCES]
    return model.encode(SENTENCES), tokens


def main() -> None:
    vectors, tokens = computed()
    np.savez_compressed(
        PATH,
        vectors=vectors.astype(np.float16),
        ids=np.array([*itertools.chain.from_iterable(tokens)], np.uint16),
        counts=np.array([len(each) for each in tokens], np.uint16),
    )


if __name__ == "__main__":
    main()
