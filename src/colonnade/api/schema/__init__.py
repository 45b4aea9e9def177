"""The structs of OpenAI's wire format, for requests and responses.

Shapes and the limits that a single value must keep, nothing else: what a field means is the
business of the resource modules beside this package. msgspec is the only import. In requests
every optional field takes None for "absent", as several clients send nulls for what is not set.
"""
