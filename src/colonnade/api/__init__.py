"""OpenAI's resources over HTTP.

One module a resource, its wire structs in ``schema``. Decodes a request, refuses what cannot be
honoured, makes a ``generation.Turn`` of it, and folds or frames the events that come back. Knows
nothing of prompts, llama.cpp or worker processes.
"""
