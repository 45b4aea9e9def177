"""``python -m colonnade.worker SOCKET LOAD_MODEL_AS_JSON KEEP KEPT``: the server starts it."""

import os
import sys

from colonnade.worker.process import parse, run

try:
    code = run(*parse(sys.argv[1:]))
except Exception:  # noqa: BLE001 - told, whatever it is
    sys.excepthook(*sys.exc_info())
    sys.stderr.flush()
    # At once: what threads are in the middle of would crash an interpreter that takes itself apart.
    os._exit(1)
sys.exit(code)
