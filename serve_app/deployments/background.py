"""A thread whose work waits for that of all others on the machine.

On Linux each thread has a niceness, and the threads that torch starts for it have the same. With 19
a thread gets one and a half per cent of a core that another thread wants at the same time, and all
of a core that nobody wants. Without privileges a thread cannot become less nice again: hence one
for such work alone.
"""

from __future__ import annotations

import os
import sys
import threading
import time

NICENESS = 19


def works() -> bool:
    """Whether threads have a niceness of their own here."""
    return sys.platform == "linux"


def enter(torch_threads: int) -> None:
    """Makes the calling thread such a one, for good."""
    from pipelines.runtime.device import use_threads  # torch is of the model

    os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
    use_threads(torch_threads)


class Patience:
    """Whether a computation is stuck that may get little of the processors for a long time.

    It is, where it has used as many seconds of them as it may take, or none since it was looked at
    last.
    """

    def __init__(self, seconds: float, used: float) -> None:
        """`used`: seconds of the processors that its thread has used before."""
        self._most = used + seconds
        self._used = used

    def ended(self, used: float) -> bool:
        """Looks at it, when its thread has used so many."""
        stuck = used <= self._used or used >= self._most
        self._used = used
        return stuck


def clock_of_this_thread() -> int:
    """What `time.clock_gettime` takes to tell the seconds of the processors that it has used."""
    return time.pthread_getcpuclockid(threading.get_ident())
