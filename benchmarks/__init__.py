"""Measurements of the server, and the stand-in models they run on.

Nothing here is installed with the server: tests import from this package, the server never does.
"""
