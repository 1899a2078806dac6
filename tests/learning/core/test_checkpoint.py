from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys

import pytest
import torch

from learning.core.checkpoint import Checkpoint, clear, load_latest, save_checkpoint


def at(step: int) -> Checkpoint:
    tensors = {"w": torch.full((3,), float(step)), "n": torch.tensor(step)}
    return Checkpoint(step, tensors, {"losses": [0.1, step]})


def test_a_checkpoint_comes_back_as_it_was(tmp_path):
    save_checkpoint(tmp_path, at(4))
    back = load_latest(tmp_path)
    assert back.step == 4 and back.state == {"losses": [0.1, 4]}
    assert torch.equal(back.tensors["w"], torch.full((3,), 4.0))


def test_the_last_two_are_kept_and_no_partial_file_remains(tmp_path):
    for step in (1, 2, 30):
        save_checkpoint(tmp_path, at(step))
    names = sorted(p.name for p in tmp_path.iterdir())
    stems = ("step-000000002", "step-000000030")
    assert names == [f"{stem}.{kind}" for stem in stems for kind in ("json", "safetensors")]


def damage_truncate(folder):
    file = folder / "step-000000002.safetensors"
    file.write_bytes(file.read_bytes()[:-1])


def damage_flip(folder):
    file = folder / "step-000000002.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def damage_missing(folder):
    (folder / "step-000000002.safetensors").unlink()


def damage_card(folder):
    card = folder / "step-000000002.json"
    card.write_text(card.read_text()[:20])


def damage_before_the_card(folder):
    (folder / "step-000000002.json").unlink()  # the process died between the two files


@pytest.mark.parametrize("damage", [damage_truncate, damage_flip, damage_missing, damage_card, damage_before_the_card])
def test_a_damaged_last_checkpoint_falls_back_to_the_previous(tmp_path, damage):
    save_checkpoint(tmp_path, at(1))
    save_checkpoint(tmp_path, at(2))
    assert load_latest(tmp_path).step == 2
    damage(tmp_path)
    assert load_latest(tmp_path).step == 1


def test_an_empty_or_absent_folder_has_no_checkpoint(tmp_path):
    assert load_latest(tmp_path) is None
    assert load_latest(tmp_path / "never") is None


def test_clearing_removes_every_checkpoint_and_nothing_else(tmp_path):
    (tmp_path / "log.txt").write_text("kept")
    save_checkpoint(tmp_path, at(1))
    clear(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["log.txt"]


def test_the_card_is_plain_json_with_the_digest_of_the_tensors(tmp_path):
    card = save_checkpoint(tmp_path, at(7))
    blob = card.with_suffix(".safetensors").read_bytes()
    assert json.loads(card.read_text())["sha256"] == hashlib.sha256(blob).hexdigest()


BESIDE_A_TRAINING = """
import sys, torch
from pathlib import Path
from learning.core.checkpoint import Checkpoint, Writer

def threads(): return len(list(Path("/proc/self/task").iterdir()))

torch.set_num_threads(2)
weights = torch.rand(512, 512, 3, 3).contiguous(memory_format=torch.channels_last)
(weights * 2).sum()
before = threads()
with Writer(Path(sys.argv[1])) as writer:
    writer.save(Checkpoint(1, {"weights": weights}, {}))
    writer._wait()
    print(threads() - before)
"""


def test_writing_beside_a_training_starts_one_thread_and_no_pool_that_slows_it_down(tmp_path):
    script = [sys.executable, "-c", BESIDE_A_TRAINING, str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    done = subprocess.run(script, env=environment, capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "1", done.stderr
