"""Memory: what a process keeps of it for its next step, and how it is told that there is none."""

import ctypes
import platform

from warpmarks.errors import OutOfMemory

_MMAP_MAX, _TRIM_THRESHOLD, _TOP_PAD = -4, -1, -2  # glibc's malloc.h
_GROWTH = 64 * 2**20

_OF_GPU = ("CUDA out of memory", "CUDA error: out of memory", "STATUS_ALLOC_FAILED")
_OF_CPU = ("can't allocate memory", "not enough memory: you tried to allocate")


def keep_freed_memory() -> bool:
    """Tell the C library to keep freed memory; whether it does.

    A network frees and asks for the same large blocks again and again. The GNU C library gives each
    block over 32 MB back to the kernel, which then hands it out anew page by page, all zeros: that
    cost a third of a training step and up to a third of a detection. Elsewhere nothing is changed.
    The verbs and ``warpmarks.train`` do it by themselves; a program that detects decides, because
    the whole process then stays as large as it once was.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    library = ctypes.CDLL(None)
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, -1), (_TOP_PAD, _GROWTH))
    return all([library.mallopt(name, value) for name, value in settings])


def out_of_memory(error: BaseException) -> OutOfMemory | None:
    """What is told of an error that comes from too little memory; None of any other error.

    Torch's have a type of their own on GPUs only, and not in each case.
    """
    text = str(error)
    if isinstance(error, OutOfMemory):
        return error
    if isinstance(error, RuntimeError) and any(words in text for words in _OF_GPU):
        return OutOfMemory(gpu=True)
    if isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError) and any(words in text for words in _OF_CPU)
    ):
        return OutOfMemory(gpu=False)
    return None
