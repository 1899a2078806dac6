"""Published models with weights, on a layer with pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import scenes
import torch
from django.utils import timezone
from learning_rows import model_row

from annotation.models import Campaign
from learning.core.dataset import Normalisation
from learning.core.model_file import ModelMetadata, save_model
from learning.core.network import NetworkSpec, build_network


def mapped_layer(
    folder: Path, *, number: int = 1, dropout: float = 0.0, tile_px: int = 64, sure_of: int | None = None
) -> Any:
    """A published model with weights, untrained, of a campaign on a layer with pixels; by number, a later one.

    It may be made sure of one class everywhere.
    """
    camp = Campaign.objects.order_by("pk").first()
    if camp is None:
        camp = scenes.campaign(layer=scenes.real_layer(folder)[0], tile_px=tile_px, first_round=4, blind_share=0)
    camp.trained_models.filter(state="promoted").update(state="retired")
    model = model_row(camp, state="promoted", number=number)
    spec = NetworkSpec(
        bands=tuple(camp.layer.bands), class_codes=tuple(model.class_codes), encoder="resnet18", pretrained=False,
        decoder_channels=(8, 8, 8, 8, 8), dropout=dropout,
    )  # fmt: skip
    torch.manual_seed(number)
    network = build_network(spec).eval()
    if sure_of is not None:
        head = list(network.parameters())[-1]
        assert head.shape == (2,)
        head.data[sure_of] += 50
    norm = Normalisation("uint8", (100.0,) * len(spec.bands), (50.0,) * len(spec.bands))
    metadata = ModelMetadata(
        spec, norm, camp.nomenclature.code, camp.nomenclature.version, camp.layer.gsd_m, "5" * 64, margin_px=32
    )
    model.sha256 = save_model(model.path, network, metadata)
    model.decided_at = timezone.now()
    model.save()
    return model
