"""Memory is kept from one operation to the next within, and goes back to the system at the end."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import resource, sys
import torch
from learning.core.heap import kept_memory

def faults():
    torch.ones(128 << 20, dtype=torch.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(96 << 20, dtype=torch.uint8)  # 24,576 pages, in the room of those before or new ones
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def held():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 >> 20  # MiB

faults()
print(faults())
with kept_memory(sys.argv[1]):
    faults()
    with kept_memory():
        pass
    print(faults())
    inside = held()
print(faults(), inside - held())
"""


def said(device: str) -> list[int]:
    done = subprocess.run([sys.executable, "-c", SCRIPT, device], capture_output=True, text=True, check=True)
    return [int(word) for word in done.stdout.split()]


def test_a_room_given_back_is_taken_again_without_asking_the_system() -> None:
    before, within, after, returned = said("cpu")
    assert before > 20_000 and after > 20_000
    assert within < 1_000
    assert returned >= 90


def test_a_device_with_memory_of_its_own_changes_nothing() -> None:
    before, within, _after, returned = said("cuda")
    assert before > 20_000 and within > 20_000
    assert returned < 10
