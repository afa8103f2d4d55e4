"""Memory that a process keeps for its next step instead of giving it back after each."""

import ctypes
import platform

_MMAP_MAX, _TRIM_THRESHOLD, _TOP_PAD = -4, -1, -2  # glibc's malloc.h
_GROWTH = 64 * 2**20


def keep_freed_memory() -> bool:
    """Tell the C library to keep freed memory; whether it does.

    A training step frees and asks for the same large blocks again and again. The GNU C library
    gives each block over 32 MB back to the kernel, which then hands it out anew page by page, all
    zeros: that cost a third of a step. Elsewhere nothing is changed.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, -1), (_TOP_PAD, _GROWTH))
    return all([library.mallopt(name, value) for name, value in settings])
