"""How Colonnade's embedded demo model is made: its small world, its training and its export.

Not shipped with the server; `src/colonnade/demo/` holds the result.
"""
