"""What tests start ends with them, even where their process is killed (on Linux)."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Callable

_PR_SET_PDEATHSIG = 1


def signal_at_parents_end(number: int) -> Callable[[], object]:
    """What a child calls between fork and exec to get the signal when this process ends.

    The kernel sends it when the thread ends that started the child: what another thread than the
    main one starts is left alone.
    """
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return lambda: None
    prctl = ctypes.CDLL(None).prctl
    return lambda: prctl(_PR_SET_PDEATHSIG, number)
