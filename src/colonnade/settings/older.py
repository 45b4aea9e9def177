"""Environment variables of the older services, honoured below Colonnade's own settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OLDER_NAMES: tuple[tuple[str, str], ...] = (
    ("MODEL_PATH", "model"),
    ("GEMMA_MODEL_PATH", "model"),
    ("GEMMA_N_CTX", "ctx_size"),
    ("GEMMA_N_THREADS", "threads"),
    ("GEMMA_N_GPU_LAYERS", "gpu_layers"),
    ("GEMMA_MAX_TOKENS", "execute_max_tokens"),
    ("GEMMA_TEMPERATURE", "execute_temperature"),
    ("GEMMA_TOP_P", "execute_top_p"),
    ("GEMMA_TOP_K", "execute_top_k"),
    ("LOG_LEVEL", "log_level"),
    ("FORWARDED_ALLOW_IPS", "trusted_proxies"),
)
"""Variable and setting. Where two name the same setting, the later one counts."""

_LEVELS = {
    "trace": "debug",
    "debug": "debug",
    "info": "info",
    "warn": "warning",
    "warning": "warning",
    "error": "error",
    "critical": "error",
    "fatal": "error",
}


def older_values(environ: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Variable, setting and text of each that is set."""
    for variable, name in OLDER_NAMES:
        text = environ.get(variable, "")
        if variable == "LOG_LEVEL":
            # Other programs read it too, and have words of their own, which are no mistake.
            text = _LEVELS.get(text.lower(), "")
        if variable == "FORWARDED_ALLOW_IPS" and text.strip() == "*":
            text = ""  # images set it for other servers; it lets clients choose their addresses
        if variable == "GEMMA_N_CTX" and text.strip() == "0":
            text = ""  # it chose, and not the largest that fits
        if text:
            yield variable, name, text
