"""The settings as a page of Markdown: ``python -m colonnade.settings > docs/settings.md``."""

from __future__ import annotations

import inspect
from itertools import groupby
from typing import TYPE_CHECKING

from colonnade.settings.declared import DECLARED, Setting
from colonnade.settings.older import OLDER_NAMES
from colonnade.settings.tree import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

_INTRODUCTION = """\
# Settings

Every setting can be given in three ways. A flag of `colonnade serve` comes before an environment
variable, which comes before the TOML file, which comes before the default. The flags that concern
the model hold for `colonnade chat` and `colonnade check` too.

The file is the one that `--config` or `COLONNADE_CONFIG` names, else `./colonnade.toml`, else
`$XDG_CONFIG_HOME/colonnade/config.toml` (`~/.config/...`). Only one file is read. It has a
table for each heading below:

```toml
[server]
port = 8080
cors_origins = ["https://example.org"]

[model]
model = "hf:OWNER/REPO:Q4_K_M"
ctx_size = 8192
```

A model that requests may name gets a table of its own, as many as there are. It may hold any
setting of `[model]` and `[sampling]`, which count for this model alone, beside these. What it does
not hold is as in `[model]`, but for `chat_template`, `draft_model`, `mmproj` and `lora`, which are
for MODEL alone there:

```toml
[[models]]
name = "small"              # what requests call it; left out, the model's own name
aliases = ["gpt-4o-mini"]   # further names
model = "hf:OWNER/REPO:Q4_K_M"
pin = false                 # true: once loaded, it stays
ttl = 600                   # seconds that it stays loaded unused; 0 for ever
preload = false             # true: it is loaded at the start
ctx_size = 4096
temperature = 0.2
```

In environment variables, lists are separated by commas, truths are `true` or `false`, and an empty
variable counts as not set, but for keys, where it is an error. So is a name that is not listed.
In Kubernetes, a Service of the name `colonnade` puts such variables into every pod of its
namespace: set `enableServiceLinks: false`, or give the Service another name.

The variables of the older services count where none of these three says otherwise:

{older}

This page is generated: `python -m colonnade.settings > docs/settings.md`.
"""
_HEADER = """\
| TOML key | flag | environment | value | default | meaning |
|---|---|---|---|---|---|"""


def render() -> str:
    """Write the whole page."""
    older = "\n".join(f"- `{variable}`: `{name}`" for variable, name in OLDER_NAMES)
    return "\n".join([_INTRODUCTION.replace("{older}", older), *_sections()])


def _sections() -> Iterator[str]:
    for group, settings in groupby(DECLARED, key=lambda setting: setting.group):
        lines = [_row(setting) for setting in settings]
        doc = inspect.getdoc(type(getattr(Settings(), group))) or ""
        heading, _, text = doc.partition("\n")
        yield f"## {heading.rstrip('.')}: `[{group}]`\n"
        if text.strip():
            yield text.strip() + "\n"
        yield "\n".join([_HEADER, *lines]) + "\n"


def _row(setting: Setting) -> str:
    flag = f"{setting.flag}, --no-{setting.flag[2:]}" if setting.is_switch else setting.flag
    value = setting.expected + (f" ({setting.unit})" if setting.unit else "")
    cells = (
        f"`{setting.name}`",
        ", ".join(f"`{part}`" for part in flag.split(", ")),
        f"`{setting.env}`",
        value,
        _default(setting),
        setting.help,
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(setting: Setting) -> str:
    text = setting.default_text
    return f"`{text}`" if text else ""
