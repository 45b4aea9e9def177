"""A tree of token prefixes: which of many stored sequences begins like a prompt.

A radix tree: an edge carries the tokens between two places where stored sequences part or end. A
search walks down one path, so its time depends on the prompt's length and not on how many are
stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

Value = TypeVar("Value")


class Match(NamedTuple, Generic[Value]):
    """A stored sequence: its length, its value, and how many first tokens it shares."""

    common: int
    length: int
    value: Value


class _Node(Generic[Value]):
    __slots__ = ("children", "depth", "edge", "parent", "value")

    def __init__(self, edge: list[int], depth: int, parent: _Node[Value] | None) -> None:
        self.edge = edge
        """The tokens from the parent to here."""
        self.depth = depth
        """Tokens from the root to here."""
        self.parent = parent
        self.children: dict[int, _Node[Value]] = {}
        """By the first token of their edges."""
        self.value: Value | None = None


class PrefixTree(Generic[Value]):
    """Maps sequences of tokens to values, and finds those that begin like another sequence."""

    def __init__(self) -> None:
        self._root: _Node[Value] = _Node([], 0, None)
        self._size = 0

    def __len__(self) -> int:
        """Number of stored sequences."""
        return self._size

    def put(self, tokens: list[int], value: Value) -> None:
        """Store a value for a sequence, in place of the one that is there."""
        node, common = self._walk(tokens)
        if common < node.depth:
            node = self._split(node, common)
        if common < len(tokens):
            leaf = _Node(list(tokens[common:]), len(tokens), node)
            node.children[tokens[common]] = leaf
            node = leaf
        self._size += node.value is None
        node.value = value

    def get(self, tokens: list[int]) -> Value | None:
        """The value of exactly this sequence."""
        node, common = self._walk(tokens)
        return node.value if common == node.depth == len(tokens) else None

    def remove(self, tokens: list[int]) -> None:
        """Forget a sequence; does nothing where it is not stored."""
        node, common = self._walk(tokens)
        if not common == node.depth == len(tokens) or node.value is None:
            return
        node.value = None
        self._size -= 1
        while node.parent is not None and node.value is None and not node.children:
            del node.parent.children[node.edge[0]]
            node = node.parent
        if node.parent is not None and node.value is None and len(node.children) == 1:
            self._join(node)

    def within(self, tokens: list[int]) -> Iterator[Match[Value]]:
        """The stored sequences that ``tokens`` begins with, the longest first."""
        node, common = self._walk(tokens)
        at: _Node[Value] | None = node
        while at is not None:
            if at.value is not None and at.depth <= common:
                yield Match(at.depth, at.depth, at.value)
            at = at.parent

    def nearest(self, tokens: list[int]) -> Match[Value] | None:
        """A stored sequence that shares the most first tokens, None where none shares any."""
        node, common = self._walk(tokens)
        if not common:
            return None
        below = node
        while below.value is None:  # there is one below every node
            below = next(iter(below.children.values()))
        return Match(common, below.depth, below.value)

    def _walk(self, tokens: list[int]) -> tuple[_Node[Value], int]:
        """The last node that is reached, wholly or in part, and how many tokens are shared."""
        node = self._root
        common = 0
        while common < len(tokens):
            child = node.children.get(tokens[common])
            if child is None:
                break
            node = child
            part = tokens[common : common + len(node.edge)]
            shared = common_length(node.edge, part, len(part))
            common += shared
            if shared < len(node.edge):
                break
        return node, common

    def _split(self, node: _Node[Value], at: int) -> _Node[Value]:
        """Put a node into the edge above ``node``, ``at`` tokens below the root."""
        parent = node.parent
        assert parent is not None  # noqa: S101 - the root has no edge
        cut = at - parent.depth
        middle: _Node[Value] = _Node(node.edge[:cut], at, parent)
        parent.children[node.edge[0]] = middle
        node.edge = node.edge[cut:]
        node.parent = middle
        middle.children[node.edge[0]] = node
        return middle

    def _join(self, node: _Node[Value]) -> None:
        """Take a node without value or choice out of its path."""
        [child] = node.children.values()
        parent = node.parent
        assert parent is not None  # noqa: S101 - the root stays
        child.edge = node.edge + child.edge
        child.parent = parent
        parent.children[child.edge[0]] = child


def common_length(one: list[int], other: list[int], most: int) -> int:
    """Length of the longest common prefix, at most ``most``. Halves: slices compare in C."""
    most = min(most, len(one), len(other))
    if one[:most] == other[:most]:
        return most
    same, parted = 0, most
    while parted - same > 1:
        middle = (same + parted) // 2
        if one[same:middle] == other[same:middle]:
            same = middle
        else:
            parted = middle
    return same
