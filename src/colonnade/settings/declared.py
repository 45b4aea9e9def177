"""What the tree declares, flattened into one list that flags, environment and docs derive from."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import msgspec
from msgspec.inspect import (
    BoolType,
    FloatType,
    IntType,
    LiteralType,
    Metadata,
    NoneType,
    StructType,
    UnionType,
    VarTupleType,
    type_info,
)

from colonnade.settings.secrets import sealed
from colonnade.settings.tree import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting, under all its names."""

    group: str
    name: str
    heading: str
    help: str
    default: Any
    unit: str
    argument: bool
    """It is the command line's argument, not a flag."""
    secret: bool
    """Of its values only hashes are kept."""
    guards: bool
    """It keeps people out: an empty environment variable is a mistake, and no wish for none."""
    shape: msgspec.inspect.Type
    """Its type without description and without None."""
    annotation: Any
    """Its type as declared, for conversion."""

    @property
    def flag(self) -> str:
        """The command line's spelling."""
        return self.name.upper() if self.argument else "--" + self.name.replace("_", "-")

    @property
    def env(self) -> str:
        """The environment variable."""
        return f"COLONNADE_{self.name.upper()}"

    @property
    def key(self) -> str:
        """Table and key in the TOML file."""
        return f"[{self.group}] {self.name}"

    @property
    def many(self) -> bool:
        """It is a list."""
        return isinstance(self.shape, VarTupleType)

    @property
    def is_switch(self) -> bool:
        """It is on or off."""
        return isinstance(self.shape, BoolType)

    @property
    def default_text(self) -> str:
        """The default as a user would write it; empty when there is none."""
        if self.default is None or self.default == ():
            return ""
        if self.many:
            return ",".join(self.default)
        if self.is_switch:
            return str(self.default).lower()
        return f"{self.default:g}" if isinstance(self.default, float) else str(self.default)

    @property
    def choices(self) -> tuple[str, ...]:
        """The values it can take, when there are but a few."""
        if not isinstance(self.shape, LiteralType):
            return ()
        # From the annotation, which keeps the order that msgspec sorts away.
        return get_args(get_args(self.annotation)[0])

    @property
    def expected(self) -> str:
        """Its type and bounds in words."""
        match self.shape:
            case IntType():
                return "a whole number" + _bounds(self.shape)
            case FloatType():
                return "a number" + _bounds(self.shape)
            case BoolType():
                return "true or false"
            case LiteralType():
                return "one of " + ", ".join(self.choices)
            case VarTupleType():
                return "a list of texts"
        return "a text"

    def convert(self, value: object, *, from_text: bool) -> Any:  # noqa: ANN401 - as declared
        """Make a value of the declared type.

        Of secrets it makes their hashes. An empty one is refused: it comes of a variable that is
        not set, and must not stand for no key at all.

        Raises:
            ValueError: it does not fit; the message says what would.
        """
        if from_text and self.many and isinstance(value, str):
            parts = [item.strip() for item in value.split(",")]
            value = parts if self.secret else [part for part in parts if part]
        try:
            converted = msgspec.convert(value, self.annotation, strict=not from_text)
        except msgspec.ValidationError:
            converted = msgspec.UNSET
        # No setting has a use for nan or infinity, which pass every bound but those of JSON Schema.
        endless = isinstance(converted, float) and converted - converted != 0
        if converted is msgspec.UNSET or endless:
            msg = f"expected {self.expected}" + ("" if self.secret else f", got {value!r}")
            raise ValueError(msg)
        return tuple(map(sealed, converted)) if self.secret else converted


def _bounds(shape: IntType | FloatType) -> str:
    if shape.gt is not None and shape.le is not None:
        return f" above {shape.gt:.10g}, at most {shape.le:.10g}"
    if shape.gt is not None:
        return f" above {shape.gt:.10g}"
    if shape.ge is not None and shape.le is not None:
        return f" from {shape.ge:.10g} to {shape.le:.10g}"
    if shape.ge is not None:
        return f", {shape.ge:.10g} or more"
    return ""


def _declared() -> Iterator[Setting]:
    root = type_info(Settings)
    assert isinstance(root, StructType)  # noqa: S101 - narrows the type
    for group in root.fields:
        struct = group.type
        if not isinstance(struct, StructType):  # a list of tables, which has no flags
            continue
        heading = (inspect.getdoc(struct.cls) or "").partition("\n")[0].rstrip(".")
        annotations = get_type_hints(struct.cls, include_extras=True)
        for field in struct.fields:
            yield _setting(group.name, heading, field, annotations[field.name])


def _setting(group: str, heading: str, field: msgspec.inspect.Field, annotation: object) -> Setting:
    described = field.type
    assert isinstance(described, Metadata)  # noqa: S101 - a setting without description is a bug
    extra = described.extra or {}
    shape = described.type
    if isinstance(shape, UnionType):
        shape = next(member for member in shape.types if not isinstance(member, NoneType))
    return Setting(
        group=group,
        name=field.name,
        heading=heading,
        help=(described.extra_json_schema or {})["description"],
        default=field.default,
        unit=extra.get("unit", ""),
        argument=extra.get("argument", False),
        secret=extra.get("secret", False),
        guards=extra.get("guards", False),
        shape=shape,
        annotation=annotation,
    )


DECLARED: tuple[Setting, ...] = tuple(_declared())
"""Every setting, in the order of the tree."""
