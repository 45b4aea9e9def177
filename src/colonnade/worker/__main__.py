"""``python -m colonnade.worker DESCRIPTOR LOAD_MODEL_AS_JSON``: started by the server process."""

import sys

from colonnade.worker.process import parse, run

sys.exit(run(*parse(sys.argv[1:])))
