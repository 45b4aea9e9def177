"""Whether a grammar takes a text."""

from benchmarks.byte_vocabulary import Vocabulary

__all__ = ["Vocabulary"]
