"""What Litestar leaves out of an OpenAPI document: streams, bounds of 0 and of a list's items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, Operation, Schema
from litestar.plugins import OpenAPISchemaPlugin
from msgspec import inspect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litestar.openapi.spec import Reference
    from litestar.typing import FieldDefinition

_EVENTS = "text/event-stream"
_BOUNDS = {
    "ge": "minimum",
    "gt": "exclusive_minimum",
    "le": "maximum",
    "lt": "exclusive_maximum",
}
_LENGTHS = {"min_length": ("min_length", "min_items"), "max_length": ("max_length", "max_items")}


@dataclass
class StreamOperation(Operation):
    """A route that may stream: the document knows only what its function returns."""

    def __post_init__(self) -> None:
        """Add server-sent events to the answer's content."""
        answer = (self.responses or {}).get("200")
        if isinstance(answer, OpenAPIResponse):
            events = OpenAPIMediaType(Schema(description="Server-sent events."))
            answer.content = {**(answer.content or {}), _EVENTS: events}


@dataclass
class EventsOperation(StreamOperation):
    """A route that only streams."""

    def __post_init__(self) -> None:
        """Put server-sent events in the place of the answer's content."""
        super().__post_init__()
        answer = (self.responses or {}).get("200")
        if isinstance(answer, OpenAPIResponse) and answer.content:
            answer.content = {_EVENTS: answer.content[_EVENTS]}


class WireSchemas(OpenAPISchemaPlugin):
    """Amends Litestar's schemas of structs.

    It leaves out bounds that are 0, and those of a list's items. ``closed`` has schemas for fields
    of structs that say more than their types do.
    """

    def __init__(self, closed: Mapping[type, Mapping[str, Schema]]) -> None:
        self._closed = closed

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        """Every struct."""
        return not field_definition.is_union and field_definition.is_subclass_of(msgspec.Struct)

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: Any) -> Schema:  # noqa: ANN401 - private to Litestar
        """Litestar's own schema, and what it lacks."""
        own = next(
            plugin
            for plugin in schema_creator.plugins
            if plugin is not self and schema_creator.plugin_supports_field(plugin, field_definition)
        )
        schema: Schema = own.to_openapi_schema(field_definition, schema_creator)
        struct = field_definition.annotation
        known = inspect.type_info(struct)
        if schema.properties and isinstance(known, inspect.StructType):
            for field in known.fields:
                bounded(schema.properties[field.encode_name], field.type)
            schema.properties = {**schema.properties, **self._closed.get(struct, {})}
        return schema


AnySchema = TypeVar("AnySchema", bound="Schema | Reference")


def bounded(schema: AnySchema, known: inspect.Type) -> AnySchema:
    """Give a schema the bounds of a type, unless it only refers to another. Keywords of other types
    than a value's say nothing of it, so those of a union's members stand side by side."""
    if not isinstance(schema, Schema):
        return schema
    for member in _members(known):
        for name, keyword in _BOUNDS.items():
            if (bound := getattr(member, name, None)) is not None:
                setattr(schema, keyword, bound)
        items = getattr(member, "item_type", None)
        for name, keywords in _LENGTHS.items():
            if (bound := getattr(member, name, None)) is not None:
                setattr(schema, keywords[items is not None], bound)
        if items is not None:
            for each in (schema, *(schema.one_of or ())):
                if isinstance(each, Schema) and each.items is not None:
                    bounded(each.items, items)
    return schema


def _members(known: inspect.Type) -> tuple[inspect.Type, ...]:
    if isinstance(known, inspect.Metadata):
        return _members(known.type)
    if isinstance(known, inspect.UnionType):
        return tuple(member for each in known.types for member in _members(each))
    return (known,)
