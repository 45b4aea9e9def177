"""Trains the demo model from nothing.

Usage: python -m demo_model.train RUN_DIR [--tokens 40e6] [--resume]

The learning rate warms up, stays, and falls to zero over the second half of the tokens. All is
counted in tokens, so a paused process loses nothing; SIGTERM saves a checkpoint and ends, and a
later --resume may name another total.
"""

from __future__ import annotations

import argparse
import signal
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from . import tokenizer as vocabulary
from .data import Batch, Encoder, batches
from .model import Model, Shape

MUON_RATE, ADAM_RATE = 0.01, 2e-3
WARM_UP_TOKENS, DECAY_SHARE = 400_000, 0.5
SAVE_SECONDS = 180.0


def rate(tokens: int, total: int) -> float:
    """The factor of the learning rates after some tokens of a total."""
    decay = (total - tokens) / (DECAY_SHARE * total)
    return max(0.0, min(1.0, (tokens + 1) / WARM_UP_TOKENS, decay))


def optimizers(model: Model) -> list[torch.optim.Optimizer]:
    """Muon for the hidden matrices, AdamW for the embedding and the norms."""
    matrices = [p for p in model.blocks.parameters() if p.ndim == 2]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    muon = torch.optim.Muon(matrices, lr=MUON_RATE, momentum=0.95, weight_decay=0.01)
    adam = torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.98), weight_decay=0.0)
    return [muon, adam]


def loss_of(model: nn.Module, batch: Batch) -> Tensor:
    """The weighted mean loss; only scored places go through the output matrix."""
    ids = torch.from_numpy(batch.ids)
    weights = torch.from_numpy(batch.weights).reshape(-1)
    scored = weights.nonzero().squeeze(1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = model(ids[:, :-1]).flatten(0, 1)[scored]
        logits = functional.linear(hidden, model.get_parameter("embed.weight"))
    losses = functional.cross_entropy(
        logits.float(), ids[:, 1:].reshape(-1)[scored], reduction="none"
    )
    return (losses * weights[scored]).sum() / weights[scored].sum()


class Run:
    """A training run: model, optimisers, progress and its checkpoint."""

    def __init__(self, folder: Path, total: int, resume: bool) -> None:
        self.folder, self.total = folder, total
        self.model = Model(Shape())
        self.optimizers = optimizers(self.model)
        self.tokens = self.step = self.pool = 0
        self.seconds = 0.0
        self.stopping = False
        self.model.compile(dynamic=True)  # fuses the many small operations: a fifth faster
        if resume:
            self._load(torch.load(folder / "checkpoint.pt", weights_only=True))

    def _load(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.tokens, self.step, self.pool = state["tokens"], state["step"], state["pool"] + 1
        self.seconds = state["seconds"]

    def save(self) -> None:
        """Writes the checkpoint; a reader never sees half of one."""
        state = {
            "shape": asdict(self.model.shape),
            "model": self.model.state_dict(),
            "optimizers": [o.state_dict() for o in self.optimizers],
            "tokens": self.tokens,
            "step": self.step,
            "pool": self.pool,
            "seconds": self.seconds,
            "total": self.total,
        }
        part = self.folder / "checkpoint.part"
        torch.save(state, part)
        part.replace(self.folder / "checkpoint.pt")

    def update(self, batch: Batch) -> float:
        """One optimiser step; returns the loss."""
        factor = rate(self.tokens, self.total)
        loss = loss_of(self.model, batch)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for optimizer, peak in zip(self.optimizers, (MUON_RATE, ADAM_RATE), strict=True):
            for group in optimizer.param_groups:
                group["lr"] = peak * factor
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.tokens += batch.tokens
        self.step += 1
        return loss.item()

    def go(self, encoder: Encoder, budget: int, longest: int) -> None:
        """Trains until the total is reached or the process is asked to end."""
        mean, saved, mark, marked = 0.0, time.monotonic(), time.monotonic(), self.tokens
        for pool, batch in batches(encoder, self.pool, budget, longest):
            self.pool = pool
            loss = self.update(batch)
            mean = loss if mean == 0.0 else 0.98 * mean + 0.02 * loss
            now = time.monotonic()
            if self.step % 20 == 0:
                speed = (self.tokens - marked) / (now - mark)
                self.seconds += now - mark
                mark, marked = now, self.tokens
                print(
                    f"step {self.step} tokens {self.tokens / 1e6:.2f}M loss {mean:.4f} "
                    f"rate {rate(self.tokens, self.total):.2f} {speed:.0f} tokens/s",
                    flush=True,
                )
            if self.stopping or self.tokens >= self.total:
                break
            if now - saved > SAVE_SECONDS:
                self.save()
                saved = now
        self.save()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Train the demo model.")
    parser.add_argument("folder", type=Path, help="holds tokenizer.json and the checkpoint")
    parser.add_argument("--tokens", type=float, default=40e6, help="how many tokens to train on")
    parser.add_argument("--budget", type=int, default=8192, help="places in a batch")
    parser.add_argument("--longest", type=int, default=1056, help="longest sample in tokens")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)
    args.folder.mkdir(parents=True, exist_ok=True)
    path = args.folder / "tokenizer.json"
    if not path.exists():
        vocabulary.train().save(str(path))
    run = Run(args.folder, int(args.tokens), args.resume)

    def stop(*_: object) -> None:
        run.stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    run.go(Encoder(Tokenizer.from_file(str(path))), args.budget, args.longest)


if __name__ == "__main__":
    main()
