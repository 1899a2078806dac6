"""What had learnt from work before it was set aside is named; frozen and published things stay as they are."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from learning_rows import labelled_campaign, model_row
from scenes import TWO_CLASSES, accepted, person, square
from validation_rows import drawn_campaign, judges

from annotation.models import Annotation, Revert
from annotation.services.people import contributor_of
from annotation.services.reverts import revert_user
from learning.models import Release, TrainedModel, TrainingRun
from learning.querysets import licensed_labels
from learning.services.release_freeze import freeze_release
from learning.services.releases import start_release
from learning.services.reverted import LearntFrom, learnt_from
from learning.services.training_sets import freeze_training_set
from learning.services.validations import frozen_features

pytestmark = pytest.mark.django_db


def model_of(frozen: Any, *, number: int, state: str = "retired", began_from: Any = None) -> TrainedModel:
    """A model trained on a frozen set, perhaps from another's weights."""
    model = model_row(frozen.campaign, state=state, number=number)
    TrainingRun.objects.filter(pk=model.run_id).update(training_set=frozen, initial_model=began_from)
    return model


def released(camp: Any, version: str, *, model: Any = None) -> Release:
    return Release.objects.create(
        campaign=camp, version=version, title="t", folder=f"{camp.slug}-{version}", state="published",
        manifest_sha256="0" * 64, published_at=timezone.now(), trained_model=model,
    )  # fmt: skip


def test_sets_models_their_descendants_and_releases_are_named_and_nothing_else() -> None:
    scene = labelled_campaign(pool=4)
    before = released(scene.campaign, "0.1.0")
    Release.objects.filter(pk=before.pk).update(published_at=timezone.now().replace(year=2020))
    frozen = freeze_training_set(campaign=scene.campaign, actor=None)
    first = model_of(frozen, number=1)
    unrelated = model_row(scene.campaign, number=5, state="retired")
    child = model_of(unrelated.run.training_set, number=2, state="promoted", began_from=first)
    released(scene.campaign, "0.2.0")
    released(scene.campaign, "0.3.0", model=child)
    done = revert_user(account=scene.author, actor=None, reason="vandalism", look=learnt_from)
    assert done.seen == LearntFrom(
        training_sets=("training set 1 of camp",),
        models=("camp-m1", "camp-m2"),
        published_model="camp-m2",
        releases=("camp-0.2.0", "camp-0.3.0"),
    )
    assert not licensed_labels(scene.campaign).exists() and frozen.items.count() == 4


@pytest.mark.django_db(transaction=True)
def test_a_release_that_wrote_its_labels_down_is_named_if_it_holds_one_of_them() -> None:
    scene, other = labelled_campaign(pool=2), person("other")
    tile = scene.pool_tiles()[2]
    for version in ("0.1.0", "0.2.0"):
        start_release(campaign=scene.campaign, actor=None, version=version)
        freeze_release(release=scene.campaign.releases.get(version=version))
        if version == "0.1.0":
            accepted(scene.campaign, tile, other, scene.reviewer, [square(TWO_CLASSES[0], 0, 0, 8)])
    Release.objects.update(state="published", manifest_sha256="0" * 64, published_at=timezone.now())
    done = revert_user(account=other, actor=None, reason="vandalism", look=learnt_from)
    assert done.seen.releases == ("camp-0.2.0",), "0.1.0 was published later and does not hold it"


def test_judged_tiles_of_a_set_are_named_too_and_the_set_still_reads_as_it_was_frozen() -> None:
    scene = drawn_campaign(tiles=3)
    ana, mallory = judges(2)
    labelled = labelled_campaign("other", pool=2)
    for tile in scene.tiles:
        scene.agree(tile, ana)
        scene.agree(tile, mallory)
    frozen = freeze_training_set(campaign=scene.campaign, actor=None)
    assert learnt_from(revert_user(account=labelled.author, actor=None, reason="x").revert or Revert()) == LearntFrom(
        (), (), "", ()
    )
    done = revert_user(account=mallory, actor=None, reason="vandalism", look=learnt_from)
    assert done.seen.training_sets == (str(frozen),)
    assert [len(drawing) for judged in frozen.validated.all() for drawing in frozen_features(judged)] == [3, 3, 3]


def run(name: str, *arguments: str) -> str:
    out = StringIO()
    call_command(name, *arguments, stdout=out)
    return out.getvalue()


def test_the_command_lists_the_same_dry_as_wet_and_undoes_by_number() -> None:
    scene = labelled_campaign(pool=3)
    freeze_training_set(campaign=scene.campaign, actor=None)
    name = contributor_of(scene.author).public_id
    dry = run("revert_user", name, "--dry-run")
    assert dry.endswith("Dry run: nothing was changed.\n") and "Training sets made with it: training set 1" in dry
    assert not Revert.objects.exists()
    wet = run("revert_user", scene.author.username, "--reason", "vandalism", "--by", scene.reviewer.username)
    assert wet.splitlines()[:-1] == dry.splitlines()[:-1]
    assert "3 labels; " in wet and Revert.objects.get().made_by == scene.reviewer
    assert "is undone" in run("revert_user", "--undo", str(Revert.objects.get().pk), "--reason", "a mistake")
    assert Annotation.objects.filter(state="accepted").count() == 3


def test_the_batch_command_takes_a_campaign_a_time_and_a_box() -> None:
    labelled_campaign(pool=3)
    west, south, east, north = Annotation.objects.order_by("pk")[0].tile.footprint.buffer(-1e-6).extent
    box = f"--bbox={west},{south},{east},{north}"
    assert "1 labels; " in run("revert_batch", "camp", box, "--since", "2020-01-01", "--reason", "wrong imagery")
    with pytest.raises(CommandError, match="Nothing that counts"):
        run("revert_batch", "camp", "--until", "2020-01-01", "--reason", "x")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["revert_user", "nobody", "--reason", "x"], "no account 'nobody'"),
        (["revert_user", "--reason", "x"], "Name an account"),
        (["revert_user", "somebody"], "Say why"),
        (["revert_user", "somebody", "--since", "yesterday", "--reason", "x"], "'yesterday' is no time"),
        (["revert_user", "--undo", "99"], "no revert 99"),
        (["revert_batch", "nowhere", "--reason", "x"], "nowhere"),
        (["revert_batch", "--reason", "x"], "Name a campaign"),
        (["revert_batch", "camp", "--bbox", "5,4,3,2", "--reason", "x"], "no box on Earth"),
        (["revert_batch", "camp", "--bbox", "here", "--reason", "x"], "'here' is no box"),
    ],
)
def test_a_command_that_cannot_be_done_says_why(arguments: list[str], message: str) -> None:
    labelled_campaign()
    person("somebody")
    with pytest.raises(CommandError, match=message):
        run(*arguments)
