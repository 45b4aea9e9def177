"""JSON Schema, made ready for the compiler of grammars."""

from colonnade.prompt.schema.absent import without_nulls
from colonnade.prompt.schema.differing import UNIQUE, Differing
from colonnade.prompt.schema.embedding import embed
from colonnade.prompt.schema.limits import SchemaLimits
from colonnade.prompt.schema.narrowing import Narrowing, Narrowings
from colonnade.prompt.schema.rewrite import prepare_schema

__all__ = [
    "UNIQUE",
    "Differing",
    "Narrowing",
    "Narrowings",
    "SchemaLimits",
    "embed",
    "prepare_schema",
    "without_nulls",
]
