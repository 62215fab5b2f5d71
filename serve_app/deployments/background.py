"""A thread whose work waits for that of all others on the machine.

On Linux each thread has a priority of its own, and the threads that torch starts for it have the
same. One of the policy SCHED_IDLE is interrupted at once by whoever else has work, and gets some
three per mille of a core that others want all the time. Without privileges a thread cannot leave
that policy again: hence one for such work alone.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from dataclasses import dataclass

logger = logging.getLogger("bernie.stage")

_LOWEST = 19


def works() -> bool:
    """Whether threads have priorities of their own here."""
    return sys.platform == "linux"


@dataclass(frozen=True, slots=True)
class Background:
    """The threads of a stage for lines of batches: how many, and with how many of torch's each.

    Two threads with half of the cores each make more of these than one with all of them. A line is
    computed by as many of torch's wherever that happens: the last bits of a result depend on it.
    """

    threads: int
    torch_threads: int

    @classmethod
    def of(cls, cores: int, most: int) -> Background:
        """At most so many threads that share the cores."""
        threads = min(cores, most)
        return cls(threads, cores // threads)

    def enter(self) -> None:
        """Makes the calling thread one of them, for good. A system that forbids it is told of."""
        self.prepare()
        thread = threading.get_native_id()
        try:
            # Where the policy is not known, as in some sandboxes, the lowest priority does.
            os.setpriority(os.PRIO_PROCESS, thread, _LOWEST)
            os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))
        except OSError:
            logger.warning("lines of batches are not computed in the background", exc_info=True)

    def prepare(self) -> None:
        """Has the calling thread compute the same with the priority that it has."""
        if "torch" in sys.modules:  # not every model brings it
            from pipelines.runtime.device import use_threads

            use_threads(self.torch_threads)


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
