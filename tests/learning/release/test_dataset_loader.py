from __future__ import annotations

import re
from pathlib import Path

from outsider import in_a_fresh_process

from learning.release.shards import write_shards

COMPARE = """
import torch
from load_dataset import Shards, Tiles, classes
loose, packed = list(map(Tiles("train").__getitem__, range(len(Tiles("train"))))), list(Shards("train"))
assert len(loose) == len(packed) == 2
assert all(torch.equal(a, b) for one, other in zip(loose, packed) for a, b in zip(one, other))
image, mask = loose[1]
print(tuple(image.shape), image.dtype, mask.dtype, sorted(mask.unique().tolist()), classes())
"""


def test_the_published_program_trains_two_epochs_where_there_is_no_platform(release: Path) -> None:
    said = in_a_fresh_process(release / "dataset" / "load_dataset.py")
    first, second = map(float, re.findall(r"[0-9.]+", said))
    assert second < first


def test_folders_and_shards_give_the_same_tensors(release: Path) -> None:
    write_shards(release, tiles=3, least=1, a_shard=1)
    script = release / "dataset" / "compare.py"
    script.write_text(COMPARE)
    said = in_a_fresh_process(script).strip()
    assert said == ("(4, 32, 32) torch.float32 torch.int64 [0, 3] {1: 'CS1.1.1.1', 2: 'CS1.2.2', 3: 'CS2.2.1'}")
