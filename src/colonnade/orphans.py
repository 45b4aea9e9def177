"""What becomes of a child process when its parent dies.

Every process of the house reads from its parent and ends when that comes to its end. But one that
computes, or is stopped, does not read: Linux ends it all the same, if it was asked to.
"""

from __future__ import annotations

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def die_with_parent() -> None:
    """Have the kernel kill this process when the thread that started it ends, where it can do that.

    A parent that has died before is not noticed: what the process reads has ended then.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
