"""Which schemas come back to themselves, over whatever way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Circles:
    """Finds circles among schemas, each looked at once (Tarjan's algorithm, iterative)."""

    def __init__(self, inner: Callable[[dict[str, Any]], Iterable[dict[str, Any]]]) -> None:
        """``inner`` are the schemas that one leads to."""
        self._inner = inner
        self._order: dict[int, int] = {}
        self._lowest: dict[int, int] = {}
        self._stack: list[int] = []
        self._open: set[int] = set()
        self._circular: set[int] = set()
        self._alive: list[dict[str, Any]] = []

    def has(self, schema: dict[str, Any]) -> bool:
        """Whether a way from a schema leads back to it."""
        if id(schema) not in self._order:
            self._search(schema)
        return id(schema) in self._circular

    def _search(self, schema: dict[str, Any]) -> None:
        path: list[tuple[int, Iterator[dict[str, Any]]]] = [self._enter(schema)]
        while path:
            me, children = path[-1]
            child = next(children, None)
            if child is None:
                path.pop()
                self._leave(me)
                if path:
                    above = path[-1][0]
                    self._lowest[above] = min(self._lowest[above], self._lowest[me])
            elif id(child) == me:
                self._circular.add(me)
            elif id(child) not in self._order:
                path.append(self._enter(child))
            elif id(child) in self._open:
                self._lowest[me] = min(self._lowest[me], self._order[id(child)])

    def _enter(self, schema: dict[str, Any]) -> tuple[int, Iterator[dict[str, Any]]]:
        me = id(schema)
        self._alive.append(schema)
        self._order[me] = self._lowest[me] = len(self._order)
        self._stack.append(me)
        self._open.add(me)
        return me, iter(self._inner(schema))

    def _leave(self, me: int) -> None:
        """Close a component where it began: several schemas in one are a circle."""
        if self._lowest[me] != self._order[me]:
            return
        component: list[int] = []
        while not component or component[-1] != me:
            component.append(self._stack.pop())
        self._open.difference_update(component)
        if len(component) > 1:
            self._circular.update(component)
