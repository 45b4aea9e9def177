"""What a worker does that embeds texts, or scores pairs of them: intake, line, loop.

No sampling and no slots: a text is read once, whole or a batch at a time, and forgotten. Texts of
many requests share a batch; clients take turns by the tokens that they have had.
"""
