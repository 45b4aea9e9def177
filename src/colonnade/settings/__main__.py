"""Print ``docs/settings.md``."""

from colonnade.settings.table import render

print(render(), end="")
