"""The forms that an answer may be asked to have."""

from typing import Any

from msgspec import Struct


class TextForm(Struct, tag_field="type", tag="text"):
    """Any text."""


class JsonObjectForm(Struct, tag_field="type", tag="json_object", kw_only=True):
    """A JSON object; of a schema, as llama-server has it."""

    schema: dict[str, Any] | None = None


class JsonSchema(Struct, kw_only=True):
    """A schema with its name."""

    name: str | None = None
    description: str | None = None
    schema: dict[str, Any] | bool | None = None
    strict: bool | None = None
    """Accepted and ignored: the answer satisfies the schema in any case."""


class JsonSchemaForm(Struct, tag_field="type", tag="json_schema", kw_only=True):
    """A JSON document that satisfies a schema."""

    json_schema: JsonSchema | None = None
    schema: dict[str, Any] | bool | None = None
    """Another place for it, as llama-server has it."""


ResponseFormat = TextForm | JsonObjectForm | JsonSchemaForm


class StructuredOutputs(Struct, kw_only=True):
    """The forms under vLLM's names; one of them is given."""

    json: dict[str, Any] | str | None = None
    regex: str | None = None
    choice: list[str] | None = None
    grammar: str | None = None
    json_object: bool | None = None
    structural_tag: Any = None
    """Known, so that it can be refused by name."""
