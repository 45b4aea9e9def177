"""Constraints through llguidance: the only room that imports it.

llguidance bounds the work of a grammar by itself; what it would recurse on or take in without a
bound, nesting and size, is checked before it is asked.
"""

from colonnade.worker.grammar.compiler import Bounds, GrammarCompiler

__all__ = ["Bounds", "GrammarCompiler"]
