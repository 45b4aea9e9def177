"""Requests whose fields are in the query: described as a struct, and read as one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from litestar.enums import ParamType
from litestar.openapi.spec import OpenAPIType, Operation, Parameter, Schema
from msgspec import inspect

from colonnade.web.body import shape_failure
from colonnade.web.openapi import bounded

if TYPE_CHECKING:
    from litestar import Request

_Query = TypeVar("_Query", bound=msgspec.Struct)

_KINDS: tuple[tuple[type[inspect.Type], OpenAPIType], ...] = (
    (inspect.StrType, OpenAPIType.STRING),
    (inspect.IntType, OpenAPIType.INTEGER),
    (inspect.FloatType, OpenAPIType.NUMBER),
)


def read_query(request: Request[Any, Any, Any], shape: type[_Query]) -> _Query:
    """The fields of a request's query.

    Raises:
        BodyFailure: they are not of this shape.
    """
    try:
        return msgspec.convert(dict(request.query_params), shape, strict=False)
    except msgspec.ValidationError as error:
        raise shape_failure(str(error)) from error


def query_operation(
    shape: type[msgspec.Struct], base: type[Operation] = Operation, **examples: str
) -> type[Operation]:
    """What describes a route whose query is of a shape; ``examples`` are values of its fields."""
    fields = inspect.type_info(shape).fields  # type: ignore[attr-defined] # a struct has some

    @dataclass
    class _QueryOperation(base):  # type: ignore[misc,valid-type]
        def __post_init__(self) -> None:
            """Add the fields to what Litestar found."""
            if hasattr(base, "__post_init__"):
                super().__post_init__()
            self.parameters = [
                Parameter(
                    name=field.encode_name,
                    param_in=ParamType.QUERY,
                    required=field.required,
                    schema=bounded(Schema(type=_kind(field.type)), field.type),
                    example=examples.get(field.name),
                )
                for field in fields
            ]

    return _QueryOperation


def _kind(field: inspect.Type) -> OpenAPIType:
    """The type of a value; that it may be absent is said otherwise."""
    if isinstance(field, inspect.Metadata):
        return _kind(field.type)
    if isinstance(field, inspect.UnionType):
        return next(_kind(each) for each in field.types if not isinstance(each, inspect.NoneType))
    return next(kind for known, kind in _KINDS if isinstance(field, known))
