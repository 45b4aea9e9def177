"""The worker process: one loaded model, and the loop that generates with it.

``process`` puts it together. An intake thread turns requests into sequences; the loop plans a
batch (``scheduler``), runs it, and applies the result (``loop``). Only ``worker.llama`` imports
llama_cpp; everything else sees the model through the protocols in ``ports``. Nothing here knows
HTTP, templates or the server process.
"""
