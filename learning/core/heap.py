"""Memory for passes of a network on a CPU, kept from one operation to the next.

The C library of GNU asks the system for each large tensor anew and gives it back after use; the system clears and maps
it page by page, which takes a fifth of a pass over a window of 1,024 px. Kept, a tensor takes the room of one before.
"""

from __future__ import annotations

import contextlib
import ctypes
import threading
from collections.abc import Iterator

# Numbers of malloc.h, for mallopt(3).
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -2, -3, -4, -8
# Once told anything the library no longer finds its thresholds by itself: these are where it would end.
_USUAL = {_TRIM_THRESHOLD: 64 << 20, _TOP_PAD: 128 << 10, _MMAP_THRESHOLD: 32 << 20, _MMAP_MAX: 65_536}
# Large rooms of a thread come from the common arena only: those of its own hold 64 MiB at most.
_KEEPING = {_ARENA_MAX: 1, _MMAP_MAX: 0, _TRIM_THRESHOLD: (1 << 31) - 1, _TOP_PAD: 64 << 20}

_turn = threading.Lock()
_keeping = 0


@contextlib.contextmanager
def kept_memory(device: str = "cpu") -> Iterator[None]:
    """Within, freed memory stays with the process; at the end what nobody uses goes back to the system.

    Does nothing for a device that has memory of its own, nor where the C library is another one. Threads that begin
    within keep large rooms only if the process has had a single arena from its start: MALLOC_ARENA_MAX=1.
    """
    global _keeping
    if device != "cpu":
        yield
        return
    with _turn:
        _keeping += 1
        if _keeping == 1:
            _set(_KEEPING)
    try:
        yield
    finally:
        with _turn:
            _keeping -= 1
            if _keeping == 0:
                _set(_USUAL)
                if (trim := getattr(_library(), "malloc_trim", None)) is not None:
                    trim(0)


def _set(values: dict[int, int]) -> None:
    tell = getattr(_library(), "mallopt", None)
    if tell is not None:
        for name, value in values.items():
            tell(ctypes.c_int(name), ctypes.c_int(value))


def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None)
