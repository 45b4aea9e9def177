"""A server's status as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from colonnade.cli.report import size

if TYPE_CHECKING:
    from rich.console import RenderableType

    from colonnade.cli.status.source import Source, Status

_COLUMNS = ("slot", "state", "prompt", "answer", "tokens/s", "seconds", "caller", "door", "request")


def screen(source: Source, now: Status, before: Status | None) -> RenderableType:
    """What the terminal shows of one moment; rates are since the one before."""
    return Group(_head(source, now), _load(now, before), _trouble(now), _slots(now))


def _head(source: Source, now: Status) -> Text:
    models = ", ".join(now.models) or "no model"
    state = "ready" if now.ready else "not ready"
    return Text(f"{source.url}  Colonnade {now.version}  {models}  {state}", style="bold")


def _load(now: Status, before: Status | None) -> Text:
    number = now.numbers.get
    parts = [
        f"{number('num_requests_running', 0):.0f} run",
        f"{number('num_requests_waiting', 0):.0f} wait",
        f"prompts {_rate(now.rate('prompt_tokens_total', before))} tokens/s",
        f"answers {_rate(now.rate('generation_tokens_total', before))} tokens/s",
        f"first token {_mean(now, before, 'time_to_first_token_seconds')}",
        f"gap {_mean(now, before, 'inter_token_latency_seconds')}",
        *(f"{process} {size(int(found))}" for process, found in sorted(now.memory.items())),
    ]
    return Text("  ".join(parts))


def _trouble(now: Status) -> Text:
    """What went wrong since the server's start."""
    restarts = int(now.numbers.get("worker_restarts_total", 0))
    parts = [f"{kind} {count:.0f}" for kind, count in sorted(now.failures.items()) if count]
    if restarts:
        parts.insert(0, f"workers replaced {restarts}")
    return Text("  ".join(["failures:", *(parts or ["none"])]), style="dim")


def _slots(now: Status) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in _COLUMNS:
        table.add_column(name, justify="right" if name in _COLUMNS[2:6] else "left", no_wrap=True)
    for slot in now.slots:
        table.add_row(*map(Text, _row(slot)), style="" if slot.get("is_processing") else "dim")
    return table


def _row(slot: dict[str, Any]) -> list[str]:
    """The cells of a slot; what an unknown server sends in place of a number is left out."""
    row = [str(slot.get("id", "")), str(slot.get("state", ""))]
    if not slot.get("is_processing"):
        return row + [""] * (len(_COLUMNS) - len(row))
    read = _int(slot.get("n_prompt_tokens_processed")) + _int(slot.get("n_prompt_tokens_cache"))
    return [
        *row,
        f"{read}/{_int(slot.get('n_prompt_tokens'))}",
        str(_decoded(slot)),
        f"{_float(slot.get('tokens_per_second')):.1f}",
        f"{_float(slot.get('seconds')):.1f}",
        str(slot.get("caller") or "-"),
        str(slot.get("door") or "-"),
        str(slot.get("request_id") or "-"),
    ]


def _decoded(slot: dict[str, Any]) -> int:
    following = slot.get("next_token")
    first = following[0] if isinstance(following, list) and following else None
    return _int(first.get("n_decoded")) if isinstance(first, dict) else 0


def _mean(now: Status, before: Status | None, name: str) -> str:
    """The mean of a histogram since the moment before, in milliseconds."""
    count, total = now.rate(f"{name}_count", before), now.rate(f"{name}_sum", before)
    return "-" if not count or total is None else f"{total / count * 1e3:.0f} ms"


def _rate(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.0f}"


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0


def _float(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
