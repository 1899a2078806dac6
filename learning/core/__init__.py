"""What the machine does, with no database: arrays, dataclasses and paths in and out.

Only `network`, `fit`, `predict`, `checkpoint` and `model_file` import torch.
"""
