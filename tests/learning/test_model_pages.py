"""The page of one model: what it says to whom, in which state, and what it costs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from html_checks import assert_strict, language_of
from learning_rows import Labelled, confusions, imported_row, maintained, model_row
from PIL import Image
from scenes import TWO_CLASSES

from annotation.models import Job
from learning.core.calibration import tile_calibration
from learning.core.error_maps import write_error_maps
from learning.models import Prediction, TrainedModel, TrainingRun
from learning.services.evaluations import record_evaluation
from learning.services.holdout import HoldoutReference, ReferenceTile, holdout_reference
from learning.services.promotion import promote_or_reject
from learning.services.training_sets import freeze_training_set

pytestmark = pytest.mark.django_db

BUILT, GRASS = TWO_CLASSES


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    """Ids come again from test to test; what is counted once for a set must not."""
    cache.clear()
    yield
    cache.clear()
    shutil.rmtree(Path(settings.MODELS_DIR) / "camp", ignore_errors=True)


def url(number: int = 1) -> str:
    return f"/campaigns/camp/models/camp-m{number}/"


def client_of(user: Any = None, language: str = "en") -> Client:
    client = Client(headers={"accept-language": language})
    if user is not None:
        client.force_login(user)
    return client


def page_of(client: Client, number: int = 1, more: str = "") -> str:
    answer = client.get(url(number) + more)
    assert answer.status_code == 200
    assert_strict(answer)
    return " ".join(answer.content.decode().replace("\xa0", " ").replace("\u202f", " ").split())


def judged(
    model: Any, reference: HoldoutReference, accuracy: float, *, calibrated: bool = True, maps: bool = True
) -> Any:
    """Figures recorded by the service, as the job does."""
    rng = np.random.default_rng(1)
    file = f"camp/{model.number}.errors.zip" if maps else ""
    if maps:
        values = np.zeros((64, 64), np.uint8)
        values[:32], values[32:, :32] = 1, 3  # right above; below it says the second class where the first is
        write_error_maps(Path(settings.MODELS_DIR) / file, [(tile.tile_id, values) for tile in reference.tiles])
    found = {}
    for tile in reference.tiles:
        truth = rng.integers(1, 3, size=(8, 8)).astype(np.uint8)
        logits = rng.normal(0, 1, size=(2, 8, 8)).astype(np.float32)
        logits[0] += 2.0 * (truth == 1)
        found[tile.tile_id] = tile_calibration(logits, truth)
    return record_evaluation(
        model=model,
        reference=reference,
        confusions=confusions(reference, accuracy, seed=model.number),
        class_codes=list(TWO_CLASSES),
        calibration=found if calibrated else None,
        error_maps=file,
    )


def two_models(scene: Labelled, *, first: float = 0.8, second: float = 0.9) -> list[TrainedModel]:
    """A first model and one that the gate held against it."""
    reference = holdout_reference(scene.campaign)
    models = []
    for number, accuracy in ((1, first), (2, second)):
        model = model_row(scene.campaign, number=number)
        for one in (*models, model):
            judged(one, reference, first if one.number == 1 else accuracy)
        models.append(promote_or_reject(candidate=model, reference=reference))
    return models


@pytest.mark.parametrize(
    ("language", "told"),
    [
        (
            "en",
            [
                "Model camp-m2",
                "It is the published model: its map is shown",
                "When it was judged, against camp-m1",
                "people say ↓ the model says →",
                "with its temperature",
                "drawn by people",
                "Control tiles are labelled without seeing what a model says of them",
                "<code>camp-m1</code></a>",
            ],
        ),
        (
            "fr",
            [
                "Modèle camp-m2",
                "C’est le modèle publié",
                "Quand il a été jugé, face à camp-m1",
                "les personnes ↓ le modèle →",
                "avec sa température",
                "dessinées par des personnes",
                "ce qu’il y dit n’est montré qu’aux responsables de la campagne",
            ],
        ),
    ],
)
def test_anyone_reads_how_good_a_model_is_and_why_it_was_published(language: str, told: list[str]) -> None:
    scene, _maintainer = maintained(pool=4, holdout=20)
    two_models(scene)
    training_set = freeze_training_set(campaign=scene.campaign, actor=None)
    TrainingRun.objects.filter(trained_model__number=2).update(training_set=training_set)
    client = client_of(language=language)
    page = page_of(client, 2)
    for text in told:
        assert text in page, text
    assert language_of(client.get(url(2)).content.decode()) == language
    assert page.count("data-plot=") == page.count('class="plot"') == 1, "no loss was kept, so it is not drawn"
    assert "errors/" not in page, "nothing of a single control tile"


def test_the_states_are_said_in_words_with_what_would_settle_them() -> None:
    scene, _maintainer = maintained(holdout=12)
    first, second = two_models(scene, second=0.8)
    assert (first.state, second.state) == ("promoted", "held")
    page = page_of(client_of(), 2)
    assert "It is held back: it cannot be told yet" in page and "what would settle it" in page
    assert "Published now:" in page and f'href="{url(1)}"' in page
    TrainedModel.objects.filter(pk=second.pk).update(outcome="promote", gate={**second.gate, "shadow": True})
    assert "This campaign leaves publishing to its maintainers" in page_of(client_of(), 2)
    TrainedModel.objects.filter(pk=second.pk).update(outcome="reject", state="rejected")
    assert "It was not published: it was shown to be worse." in page_of(client_of(), 2)


def test_a_first_model_is_beside_the_most_frequent_class_and_a_later_one_beside_what_is_published_now() -> None:
    scene, _maintainer = maintained(holdout=12)
    first, second = two_models(scene)
    assert "A first model is held against the answer" in page_of(client_of(), 1)
    assert second.state == "promoted"
    page = page_of(client_of(), 1)
    assert "Against camp-m2, which is published now" in page and "No interval of this difference was kept" in page
    second.evaluations.all().delete()
    assert "It was never judged on the same control tiles as camp-m2" in page_of(client_of(), 1)
    assert first.campaign.trained_models.count() == 2


@pytest.mark.parametrize(
    ("job", "told"),
    [
        (None, "It has not been judged yet."),
        ("running", "It is being judged on the control tiles now"),
        ("failed", "The work that should have judged it ended early."),
    ],
)
def test_a_model_that_is_not_judged_says_so_and_why(job: str | None, told: str) -> None:
    scene, maintainer = maintained()
    model = model_row(scene.campaign)
    if job:
        row = Job.objects.create(kind="train", state=job, campaign=scene.campaign, error="no memory left")
        TrainingRun.objects.filter(pk=model.run_id).update(job=row)
    page = page_of(client_of())
    assert told in page and "no memory left" not in page
    assert "No control tile has been looked at yet" in page and "It is compared when it is judged." in page
    assert "It was not counted when this training set was frozen." in page and "Its loss was not kept." in page
    assert ("no memory left" in page_of(client_of(maintainer))) == (job == "failed")


def test_a_model_judged_before_confidence_and_maps_were_kept_says_so() -> None:
    scene, maintainer = maintained(holdout=12)
    reference = holdout_reference(scene.campaign)
    model = model_row(scene.campaign)
    judged(model, reference, 0.8, calibrated=False, maps=False)
    promote_or_reject(candidate=model, reference=reference)
    page = page_of(client_of(maintainer))
    assert "It was judged before confidence was looked at" in page
    assert "There are no maps of its errors" in page and page.count("% right") == 12


def test_errors_on_control_tiles_are_for_maintainers_until_the_campaign_is_closed() -> None:
    scene, maintainer = maintained(holdout=14)
    two_models(scene)
    tile = holdout_reference(scene.campaign).tiles[0].tile_id
    picture = f"{url(2)}errors/{tile}.png"
    assert [client_of(who).get(picture).status_code for who in (None, scene.author, scene.reviewer, maintainer)] == [
        404,
        404,
        404,
        200,
    ]
    answer = client_of(maintainer).get(picture)
    assert (answer.headers["Content-Type"], answer.headers["Cache-Control"]) == ("image/png", "private, no-cache")
    again = client_of(maintainer).get(picture, headers={"if-none-match": answer.headers["ETag"]})
    assert again.status_code == 304
    page = page_of(client_of(maintainer), 2)
    assert page.count('class="pixelated"') == 12 and "1 of 2" in page and "Only maintainers see this" in page
    assert page_of(client_of(maintainer), 2, "?tiles=2").count('class="pixelated"') == 2
    scene.campaign.state = "closed"
    scene.campaign.save(update_fields=["state"])
    assert client_of().get(picture).status_code == 200
    assert page_of(client_of(), 2).count('class="pixelated"') == 12


def test_an_error_has_the_colour_of_what_the_model_says_and_right_ground_shows_the_imagery(tmp_path: Path) -> None:
    scene, maintainer = maintained(holdout=12)
    two_models(scene)
    tile = holdout_reference(scene.campaign).tiles[0].tile_id
    (tmp_path / "map.png").write_bytes(client_of(maintainer).get(f"{url(2)}errors/{tile}.png").content)
    with Image.open(tmp_path / "map.png") as picture:
        assert picture.size == (64, 64)
        pixels = picture.convert("RGBA")
    colour = scene.campaign.nomenclature.classes.get(code=GRASS).colour
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    assert pixels.getpixel((5, 5))[3] == 0, "right: clear"  # type: ignore[index]
    assert pixels.getpixel((5, 40)) == (red, green, blue, 255)
    assert 0 < pixels.getpixel((40, 40))[3] < 255, "not compared: veiled"  # type: ignore[index]


@pytest.mark.parametrize("version", ["camp-m9", "camp-m01", "other-m1", "camp-m", "camp-1", "m1"])
def test_a_name_that_no_model_has_is_no_page(version: str) -> None:
    scene, _maintainer = maintained()
    model_row(scene.campaign)
    assert client_of().get(f"/campaigns/camp/models/{version}/").status_code == 404
    assert client_of().get(f"/campaigns/camp/models/{version}/errors/1.png").status_code == 404


def test_who_was_left_out_is_said_to_maintainers_alone() -> None:
    scene, maintainer = maintained(pool=2)
    model = model_row(scene.campaign)
    why = [{"class_code": BUILT, "contributor": "quiet-otter", "share": 0.61, "most": 0.25}]
    model.run.training_set.left_out = {"revisions": [1, 2], "why": why}
    model.run.training_set.save()
    told = "61% of it by one person, 25% is the most"
    page = page_of(client_of())
    assert told in page and "quiet-otter" not in page
    assert "quiet-otter" in page_of(client_of(maintainer))


def test_a_training_that_goes_on_or_failed_stands_above_the_models(django_assert_num_queries: Any) -> None:
    scene, maintainer = maintained()
    model = model_row(scene.campaign)
    for state, step in (("failed", 7), ("running", 12)):
        job = Job.objects.create(kind="train", state=state, campaign=scene.campaign, error="no memory left")
        TrainingRun.objects.create(
            training_set=model.run.training_set, seed=1, job=job, step=step, loss_curve=[[1, 0.9], [step, 0.5]]
        )
    page = " ".join(client_of(maintainer).get("/campaigns/camp/retraining/").content.decode().split())
    assert "ended at step 7 without a model." in page and "no memory left" in page
    assert ": step 12. Its model appears here when it is over." in page and page.count('data-plot="curves"') == 1
    assert f'href="{url(1)}"' in page


def imported_model(scene: Labelled, *, who: Any = None, **more: Any) -> Any:
    """Imported weights, of which one class has two channels, one none, and a channel has no class."""
    model = imported_row(scene.campaign, **more)
    model.origin.rows = {BUILT: ["building", "greenhouse"], GRASS: []}
    model.origin.left_out = {"swimming_pool": "OCS GE draws it with the ground around it."}
    model.origin.imported_by = who
    model.origin.save()
    return model


@pytest.mark.parametrize(
    ("language", "told"),
    [
        (
            "en",
            [
                "It is published, and not judged yet",
                "Published before it could be judged: a start.",
                "Others trained it, elsewhere: it has learnt from no label of this campaign.",
                "Gers 2019.",
                "nobody knows: figures here may be no independent test",
                "It is compared when it is judged.",
                "none: it is never said, until it is learnt here",
                "1 channel is left out",
            ],
        ),
        (
            "fr",
            [
                "Il est publié sans être encore jugé",
                "D’autres l’ont entraîné, ailleurs",
                "Le Gers en 2019.",
                "il n’a appris d’aucune étiquette de cette campagne",
                "1 sortie est laissée de côté",
            ],
        ),
    ],
)
def test_the_page_of_an_imported_model_says_where_it_comes_from_and_what_became_of_its_classes(
    language: str, told: list[str]
) -> None:
    scene, maintainer = maintained()
    model = imported_model(scene, state="promoted", who=maintainer)
    page = page_of(client_of(language=language))
    common = [
        "FLAIR-INC (IGN) <code>rgbi_15cl</code>",
        "IGNF/FLAIR-INC_rgbi_15cl_resnet34-unet",
        "FLAIR-INC weights, IGN",
        "etalab-2.0",
        "7" * 64,
        "R, G, B, NIR",
        "<code>building + greenhouse</code>",
        "<code>swimming_pool</code>",
        "OCS GE draws it with the ground around it.",
    ]
    for text in [*told, *common]:
        assert text in page, text
    assert "data-plot=" not in page and "camp-set" not in page, "it has no training and no training set"
    assert "maintainer" not in page and "import-model" not in page
    page = page_of(client_of(maintainer, language))
    assert ", maintainer</dd>" in page and "/campaigns/camp/import-model/" in page
    assert model.origin_id and model.run_id is None


@pytest.mark.parametrize(
    ("job", "told"),
    [
        (None, "Imported weights are judged once they are read"),
        ("running", "It is being judged on the control tiles now"),
        ("failed", "A maintainer can import it again."),
    ],
)
def test_an_imported_model_that_is_not_judged_says_so_and_why(job: str | None, told: str) -> None:
    scene, _maintainer = maintained()
    model = imported_model(scene)
    if job:
        model.origin.job = Job.objects.create(kind="import_model", state=job, campaign=scene.campaign)
        model.origin.save()
    page = page_of(client_of())
    assert told in page and "It is compared when it is judged." in page and "train or judge again" not in page


def test_figures_of_weights_that_may_know_this_ground_and_of_what_was_trained_from_them_are_no_independent_test() -> (
    None
):
    scene, _maintainer = maintained(holdout=12)
    reference = holdout_reference(scene.campaign)
    imported = imported_model(scene)
    judged(imported, reference, 0.8)
    assert promote_or_reject(candidate=imported, reference=reference).state == "promoted"
    tuned = model_row(scene.campaign, number=2)
    TrainingRun.objects.filter(pk=tuned.run_id).update(initial_model=imported)
    judged(tuned, reference, 0.9)
    assert promote_or_reject(candidate=TrainedModel.objects.get(pk=tuned.pk), reference=reference).state == "promoted"
    no_test = "may have learnt from this ground, so this is no independent test."
    goes_back = "It goes back to weights that others trained: FLAIR-INC (IGN) rgbi_15cl"
    of_imported, of_tuned = page_of(client_of(), 1), page_of(client_of(), 2)
    assert no_test in of_imported and no_test in of_tuned and "which no model ever learns from" not in of_tuned
    assert goes_back in of_tuned and goes_back not in of_imported
    assert "Against camp-m2, which is published now" in of_imported
    assert f'href="{url(1)}"' in of_tuned, "what it began from"
    imported.origin.seen_here = False
    imported.origin.save()
    for number in (1, 2):
        page = page_of(client_of(), number)
        assert no_test not in page and "which no model ever learns from" in page


def test_an_imported_model_that_was_shown_and_then_judged_says_what_became_of_it() -> None:
    scene, _maintainer = maintained(holdout=12)
    reference = holdout_reference(scene.campaign)
    imported = imported_model(scene, state="promoted")
    candidate = model_row(scene.campaign, number=2)
    for model, accuracy in ((imported, 0.3), (candidate, 0.9)):
        judged(model, reference, accuracy)
    promote_or_reject(candidate=candidate, reference=reference)
    page = page_of(client_of(), 1)
    assert "It was published before it could be judged, and taken back when it was" in page
    assert "<dt>published before it could be judged</dt><dd>a start</dd>" in page
    assert "It was not published" not in page


def test_a_candidate_beside_weights_that_nobody_could_judge_is_not_said_to_be_compared_with_them() -> None:
    scene, _maintainer = maintained(holdout=12)
    reference = holdout_reference(scene.campaign)
    imported, candidate = imported_model(scene, state="promoted"), model_row(scene.campaign, number=2)
    for model in (imported, candidate):  # of two equal classes, 0.4 right is what one class everywhere gets
        found = confusions(reference, 0.4)
        record_evaluation(model=model, reference=reference, confusions=found, class_codes=list(TWO_CLASSES))
    decided = promote_or_reject(candidate=candidate, reference=reference)
    imported.refresh_from_db()
    assert imported.is_published_unjudged and decided.state == "held"
    page = page_of(client_of(), 2)
    assert "When it was judged, camp-m1 was published and not judged itself" in page
    assert "the most frequent class everywhere: what was published was not judged itself" in page
    assert "Against camp-m1, which is published now" in page


def test_weights_that_a_model_goes_back_to_are_found_in_as_many_queries_after_many_trainings() -> None:
    scene, _maintainer = maintained()
    earlier = imported_model(scene, state="retired")
    for number in range(2, 8):
        model = model_row(scene.campaign, number=number, state="retired")
        TrainingRun.objects.filter(pk=model.run_id).update(initial_model=earlier)
        earlier = model
    client, costs = client_of(), set()
    for number in (2, 7):
        client.get(url(number))
        with CaptureQueriesContext(connection) as made:
            page = page_of(client, number)
        assert "It goes back to weights that others trained" in page
        costs.add(len(made))
    assert len(costs) == 1


def many_tiles(scene: Labelled, count: int) -> HoldoutReference:
    """A reference of so many tiles: the campaign's own hold-out tiles, and made-up ones after them."""
    own = scene.holdout_tiles()
    known = [ReferenceTile(tile.pk, tile.row, tile.col, ()) for tile in own[:count]]
    more = [ReferenceTile(10_000_000 + n, n % 16, n // 16, ()) for n in range(count - len(known))]
    return HoldoutReference((*known, *more), f"{count:064d}")


def test_the_page_costs_the_same_for_two_hundred_control_tiles(django_assert_num_queries: Any) -> None:
    scene, maintainer = maintained(pool=3)
    model = model_row(scene.campaign, state="rejected")
    judged(model, many_tiles(scene, 12), 0.8)
    client = client_of(maintainer)
    client.get(url())
    with CaptureQueriesContext(connection) as few:
        client.get(url())
    assert len(few) <= 20
    judged(model, many_tiles(scene, 200), 0.8)
    with django_assert_num_queries(len(few)):
        page = page_of(client)
    assert "1 of 17" in page
    with CaptureQueriesContext(connection) as anyone:
        client_of().get(url())
    assert not any("tile_confusions" in query["sql"] for query in anyone.captured_queries), "tiles are not read"


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "it saw version 1 of the imagery, of which version 3 is shown now"),
        ("fr", "il a vu la version 1 de l'imagerie, dont la version 3 est affichée maintenant"),
    ],
)
def test_a_map_says_which_version_of_the_imagery_it_saw_once_ground_was_replaced(language, told) -> None:
    scene, _maintainer = maintained(holdout=12)
    model = two_models(scene)[0]
    Prediction.objects.create(
        model=model, layer=model.campaign.layer, state="ready", folder="m1", mean_entropy_nats=0.5
    )
    page = page_of(client_of(language=language))
    assert told not in page
    type(model.campaign.layer).objects.update(version=3)
    assert told in page_of(client_of(language=language)).replace("&#x27;", "'")
