"""Print ``docs/fields.md``."""

from colonnade.api.fields.page import render

print(render(), end="")
