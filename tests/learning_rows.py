"""Rows of the learning side for tests: labelled campaigns without pixels, and models without weights."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scenes import TWO_CLASSES, accepted, campaign, person, square, virtual_layer

TINY_TRAINING = {
    "steps": 8,
    "batch_size": 2,
    "crop_px": 64,
    "checkpoint_every": 2,
    "decoder_channels": [16, 16, 16, 16, 16],
    "precision": "fp32",
}


@dataclass
class Labelled:
    """A campaign on a layer without files, with a person who labels and one who reviews."""

    campaign: Any
    author: Any
    reviewer: Any

    def pool_tiles(self) -> list[Any]:
        """Pool tiles of the first round, in rank order."""
        tickets = self.campaign.tickets.filter(kind="initial").select_related("tile__campaign__nomenclature")
        return [ticket.tile for ticket in tickets.order_by("rank")]

    def holdout_tiles(self) -> list[Any]:
        """Hold-out tiles, by id."""
        return list(self.campaign.tiles.filter(role="holdout").order_by("pk"))

    def label(self, tile: Any, *codes: str) -> Any:
        """An accepted annotation with one square a class."""
        squares = [square(code, 8 * n, 0, 8) for n, code in enumerate(codes or TWO_CLASSES)]
        return accepted(self.campaign, tile, self.author, self.reviewer, squares)


def labelled_campaign(slug: str = "camp", *, pool: int = 0, holdout: int = 0, **options: Any) -> Labelled:
    """A campaign of 16 × 16 tiles of 64 px with `pool` and `holdout` tiles accepted."""
    layer = virtual_layer(f"layer-{slug}", width=1024, height=1024)
    camp = campaign(slug, layer=layer, tile_px=64, seed=5, **{"first_round": 40, **options})
    scene = Labelled(camp, person(f"{slug}-author"), person(f"{slug}-reviewer"))
    for tile in [*scene.pool_tiles()[:pool], *scene.holdout_tiles()[:holdout]]:
        scene.label(tile)
    return scene


def maintained(**options: Any) -> tuple[Labelled, Any]:
    """A labelled campaign and somebody who maintains it."""
    from annotation.services.people import set_role

    scene = labelled_campaign(**options)
    maintainer = person("maintainer")
    set_role(campaign=scene.campaign, user=maintainer, role="maintainer")
    return scene, maintainer


def signed_in(user: Any, language: str = "en") -> Any:
    """A browser of somebody who reads this language."""
    from django.test import Client

    client = Client(headers={"accept-language": language})
    client.force_login(user)
    return client


def without_licence(annotation: Any) -> Any:
    """The accepted annotation as if its latest revision had been given without consent; revisions never change."""
    from annotation.models import AnnotationRevision

    head = annotation.head
    annotation.head = AnnotationRevision.objects.create(
        annotation=annotation, number=head.number + 1, parent=head, author=head.author, features=head.features,
        sha256=head.sha256, licence="",
    )  # fmt: skip
    annotation.version = annotation.head.number
    annotation.save(update_fields=["head", "version"])
    return annotation


def model_row(camp: Any, *, state: str = "candidate", number: int = 1, gate: dict[str, Any] | None = None) -> Any:
    """A trained model without weights, from a training set of its own; a held one could not be told."""
    from learning.models import TrainedModel, TrainingRun, TrainingSet
    from learning.services import map_differences

    last = camp.training_sets.count()
    frozen = TrainingSet.objects.create(
        campaign=camp, number=last + 1, class_codes=list(TWO_CLASSES), sha256="5" * 64, n_tiles=8
    )
    run = TrainingRun.objects.create(training_set=frozen, seed=number)
    outcome = {"candidate": "", "held": "hold", "rejected": "reject"}.get(state, "promote")
    decided = {"outcome": outcome, "promote": outcome == "promote", "reason": "set by the test"} if outcome else {}
    model = TrainedModel.objects.create(
        campaign=camp, run=run, number=number, state=state, file=f"{camp.slug}-{number}.safetensors",
        sha256=f"{number}" * 64, gate=gate or decided, outcome=outcome,
    )  # fmt: skip
    # What another test put there, or what was read of it, is not this model's.
    model.path.unlink(missing_ok=True)
    map_differences._scaling.cache_clear()
    return model


def with_weights(model: Any) -> Any:
    """The model, with a file in the place of its weights."""
    model.path.parent.mkdir(parents=True, exist_ok=True)
    model.path.write_bytes(b"weights")
    return model


def confusions(reference: Any, accuracy: float, *, pixels: int = 1000, seed: int = 0) -> dict[int, NDArray[np.int64]]:
    """A two-class confusion matrix a tile, right for about `accuracy` of its pixels."""
    rng = np.random.default_rng(seed)
    found = {}
    for tile in reference.tiles:
        right = rng.binomial(pixels, accuracy, size=2)
        found[tile.tile_id] = np.array([[right[0], pixels - right[0]], [pixels - right[1], right[1]]], dtype=np.int64)
    return found


def ready_map(model: Any, scores: NDArray[np.float32]) -> Any:
    """A ready prediction whose only file is its scores."""
    from learning.services.predictions import finish_prediction, prediction_row

    prediction = prediction_row(model)
    prediction.path("").mkdir(parents=True, exist_ok=True)
    np.save(prediction.path("scores.npy"), scores)
    files = {
        "class.tif": "c" * 64, "entropy.tif": "e" * 64, "class_public.tif": "d" * 64, "entropy_public.tif": "f" * 64,
    }  # fmt: skip
    histogram = np.zeros((*scores.shape, len(model.class_codes)), np.int64)
    return finish_prediction(prediction=prediction, files=files, tile_entropy=scores, histogram=histogram, job=None)


def worker_environment(*, lease_seconds: int) -> dict[str, str]:
    """Environment of another process on this test's own database and data folder."""
    from django.conf import settings
    from django.db import connection

    database = {
        name: str(connection.settings_dict[name] or "") for name in ("HOST", "PORT", "USER", "PASSWORD", "NAME")
    }
    # A host that is a socket folder does not fit in an address; libpq reads it from the environment.
    host = database["HOST"] or str(connection.settings_dict["OPTIONS"].get("host", ""))
    server = {"PGHOST": host, "PGPORT": database["PORT"], "PGPASSWORD": database["PASSWORD"]}
    return (
        os.environ
        | {name: value for name, value in server.items() if value}
        | {
            "DJANGO_SETTINGS_MODULE": "config.settings.test",
            "DATABASE_URL": f"postgis://{database['USER']}@/{database['NAME']}",
            "SOLCOMMUN_TEST_DATA_DIR": str(settings.DATA_DIR),
            "JOB_LEASE_SECONDS": str(lease_seconds),
            "OMP_NUM_THREADS": "1",
        }
    )


NO_REFERENCE = {
    "outcome": "hold", "promote": False, "reason": "Nothing to judge by.", "n_tiles": 0, "tiles_needed": 10,
    "reasons": [{"code": "no_reference", "figures": {}}],
}  # fmt: skip
UNJUDGED = {
    **NO_REFERENCE, "judged": False, "reason": "Published before it could be judged: a start",
    "reasons": [{"code": "unjudged", "figures": {"why": "a start"}}],
    "published_unjudged": {"why": "a start", "by": None, "at": None},
}  # fmt: skip


def imported_row(camp: Any, *, state: str = "candidate", number: int = 1, gate: dict[str, Any] | None = None) -> Any:
    """A model without weights that was imported."""
    from learning.models import ModelOrigin, TrainedModel

    origin = ModelOrigin.objects.create(
        source="flair_inc", variant="rgbi_15cl", title={"en": "FLAIR-INC (IGN)", "fr": "FLAIR-INC (IGN)"},
        published_as="IGNF/FLAIR-INC_rgbi_15cl_resnet34-unet", address="https://huggingface.co/IGNF",
        licence="etalab-2.0", attribution="FLAIR-INC weights, IGN",
        seen={"en": "Gers 2019.", "fr": "Le Gers en 2019."}, file_name="w.safetensors", source_sha256="7" * 64,
        bands=["R", "G", "B", "NIR"], class_codes=list(TWO_CLASSES), rows={code: [code] for code in TWO_CLASSES},
    )  # fmt: skip
    return TrainedModel.objects.create(
        campaign=camp, origin=origin, number=number, state=state, file=f"{camp.slug}-{number}.safetensors",
        sha256=f"{number}" * 64, outcome="hold" if state != "candidate" else "",
        gate=gate or ({} if state == "candidate" else UNJUDGED if state == "promoted" else NO_REFERENCE),
    )  # fmt: skip
