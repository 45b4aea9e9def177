"""sentence-transformers on all-MiniLM-L6-v2, as a child process that is handed lists of texts.

    python -m benchmarks.embedding_runtime THREADS < LINES

It needs an interpreter with the extra `real-embeddings`. Each line is a JSON object, ``texts`` and
how many are embedded at a time (``size``); each answer is a line with the seconds that it took.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import zipfile
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator, Sequence

PACKAGE = "all_minilm_l6_v2"


class Runtime:
    """The process, waiting for texts."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.pid = process.pid
        self._process = process

    def run(self, texts: Sequence[str], size: int) -> float:
        """Embed the texts, ``size`` at a time; returns seconds. Raises ``RuntimeError`` if the
        process has ended."""
        line = self._asked({"texts": list(texts), "size": size})
        return float(json.loads(line))

    def _asked(self, job: dict[str, object]) -> str:
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the process was started without pipes")
        stdin.write(json.dumps(job) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise RuntimeError("the runtime has ended")
        return line


@contextmanager
def running_runtime(python: str, threads: int) -> Iterator[Runtime]:
    """The runtime in another interpreter until the block ends."""
    from benchmarks.processes import child, output_of

    command = [python, str(Path(__file__)), str(threads)]
    with child(command) as process:
        if output_of(process).readline() != "ready\n":
            raise RuntimeError("the runtime did not start: does the interpreter have it?")
        yield Runtime(process)


def _weights() -> Path:
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(PACKAGE)
    return Path(spec.origin).with_name("model.zip")


def main() -> None:
    """Embed what comes until nothing more comes."""
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(int(sys.argv[1]))
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(_weights()) as archive:
            archive.extractall(folder)
        model = SentenceTransformer(folder, device="cpu")
    print("ready", flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        texts, size = job["texts"], job["size"]
        began = time.perf_counter()
        for at in range(0, len(texts), size):
            model.encode(texts[at : at + size], batch_size=size, show_progress_bar=False)
        print(json.dumps(time.perf_counter() - began), flush=True)


if __name__ == "__main__":
    main()
