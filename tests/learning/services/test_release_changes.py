"""What changed since the last release: counted, told in notes, frozen with the release; who is thanked in it."""

from __future__ import annotations

import json
import shutil
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from scenes import TWO_CLASSES, labelled_scene, square

from annotation.models import AnnotationRevision
from annotation.services.annotations import write_polygons
from annotation.services.erasure import erase_person
from annotation.services.people import contributor_of, set_credit_name
from learning.errors import InvalidNotes, ReleaseInputGone
from learning.models import Release, ReleasedLabel
from learning.release.changes import Counts
from learning.release.manifest import verify
from learning.services.release_changes import last_standing
from learning.services.release_proposals import propose_release
from learning.services.releases import start_release
from learning.services.withdrawal import withdraw_release
from tests.learning.services.test_releases import published

pytestmark = pytest.mark.django_db(transaction=True)
BUILT, GRASS = TWO_CLASSES


def proposed(campaign: Any) -> Any:
    return propose_release(campaign, model=None)


def corrected(annotation: Any, features: list[dict[str, Any]]) -> None:
    """The accepted annotation with other features, as a reviewer's correction leaves it."""
    head = annotation.head
    annotation.head = AnnotationRevision.objects.create(
        annotation=annotation, number=head.number + 1, parent=head, author=head.author, features=features,
        sha256="c" * 64, licence=head.licence,
    )  # fmt: skip
    write_polygons(annotation.head, annotation.tile)
    annotation.version = annotation.head.number
    annotation.save(update_fields=["head", "version"])


def said(annotation: Any, state: str) -> None:
    annotation.state = state
    annotation.save(update_fields=["state"])


def three_tiles(tmp_path: Path) -> tuple[Any, list[Any]]:
    """A scene whose first three pool tiles have a square of each class, and their annotations."""
    scene = labelled_scene(tmp_path, pool_tiles=3)
    labels = list(scene.campaign.tiles.filter(role="pool", annotations__isnull=False).order_by("pk").distinct())
    return scene, [tile.annotations.get() for tile in labels]


def test_a_first_release_has_no_release_before_it_and_counts_what_it_holds(tmp_path: Path) -> None:
    scene, _labels = three_tiles(tmp_path)
    found = proposed(scene.campaign)
    holdout = scene.campaign.holdout.n_tiles
    assert (found.suggestion.version, found.suggestion.step) == ("0.1.0", "first")
    assert (found.labels, found.changes.tiles, found.changes.contributors) == (3 + holdout, 3 + holdout, 1)
    assert found.changes.previous is None and found.changes.labels == Counts(added=3 + holdout)
    assert found.notes["en"].startswith(f"First release: {3 + holdout} labelled tiles, by 1 person.")


@pytest.mark.parametrize("kept_as_rows", [True, False])
def test_labels_and_polygons_that_came_changed_and_went_are_counted_by_class(
    tmp_path: Path, kept_as_rows: bool
) -> None:
    scene, labels = three_tiles(tmp_path)
    said(labels[2], "reverted")
    corrected(labels[0], [square(BUILT, 0, 0, 8, "a"), square(GRASS, 8, 0, 8, "b"), square(GRASS, 16, 0, 8, "c")])
    published(scene.campaign, version="1.0.0")
    if not kept_as_rows:  # as a release of before
        ReleasedLabel.objects.all().delete()
    # a stays, b takes another class, c goes, d comes
    corrected(labels[0], [square(BUILT, 0, 0, 8, "a"), square(BUILT, 8, 0, 8, "b"), square(GRASS, 24, 0, 8, "d")])
    said(labels[1], "reverted")
    said(labels[2], "accepted")
    gone, come = (
        {code: label.head.polygons.filter(class_code=code).count() for code in TWO_CLASSES} for label in labels[1:]
    )
    assert min(*gone.values(), *come.values()) > 0
    found = proposed(scene.campaign)
    assert found.changes.labels == Counts(added=1, changed=1, removed=1)
    assert found.changes.polygons == {
        BUILT: Counts(added=come[BUILT], changed=1, removed=gone[BUILT]),
        GRASS: Counts(added=1 + come[GRASS], changed=0, removed=1 + gone[GRASS]),
    }
    assert (found.suggestion.version, found.suggestion.reasons) == ("1.1.0", ("labels_added",))
    assert found.notes["fr"].startswith(
        "Depuis 1.0.0 : 1 étiquette ajoutée, 1 étiquette corrigée et 1 étiquette retirée."
    )


def test_corrections_alone_are_a_patch_and_the_next_release_says_what_they_are(tmp_path: Path) -> None:
    scene, labels = three_tiles(tmp_path)
    published(scene.campaign, version="1.0.0")
    corrected(labels[0], [square(GRASS, 0, 0, 8, "z")])
    release = published(scene.campaign)
    assert release.version == "1.0.1"
    notes = (release.path / "NOTES.md").read_text(encoding="utf-8")
    assert "Since 1.0.0: 1 label corrected." in notes and "Depuis 1.0.0 : 1 étiquette corrigée." in notes
    readme = (release.path / "README.md").read_text(encoding="utf-8")
    assert "Since 1.0.0: 1 label corrected. See `NOTES.md`." in readme
    told = json.loads((release.path / "release.json").read_text(encoding="utf-8"))["changes"]
    assert (told["labels"], told["previous"]) == ({"added": 0, "changed": 1, "removed": 0}, "1.0.0")
    assert release.summary["changes"] == told
    assert not verify(release.path).faults


def test_a_maintainers_words_are_frozen_and_published_in_the_place_of_those_made(tmp_path: Path) -> None:
    scene, _labels = three_tiles(tmp_path)
    release = published(scene.campaign, texts={"en": "We walked every hedge.\r\n\r\n- Twice.", "fr": " "})
    notes = (release.path / "NOTES.md").read_text(encoding="utf-8")
    assert "## English\n\nWe walked every hedge.\n\n- Twice.\n\n| code |" in notes and "Première publication" in notes
    assert release.texts == {"en": "We walked every hedge.\n\n- Twice."}


@pytest.mark.parametrize(
    ("texts", "told"), [({"en": "ask zoe@example.org"}, "zoe@example.org"), ({"de": "x"}, "not in 'de'")]
)
def test_notes_that_must_not_be_published_take_no_version(tmp_path: Path, texts: dict[str, str], told: str) -> None:
    scene, _labels = three_tiles(tmp_path)
    with pytest.raises(InvalidNotes, match=told):
        start_release(campaign=scene.campaign, actor=None, texts=texts)
    assert not Release.objects.exists()


def test_a_withdrawn_release_is_not_what_the_next_is_held_against(tmp_path: Path) -> None:
    scene, _labels = three_tiles(tmp_path)
    first = published(scene.campaign, version="1.0.0")
    withdraw_release(release=published(scene.campaign, version="2.0.0"), actor=None, reason="Wrong image.")
    assert last_standing(scene.campaign) == first
    found = proposed(scene.campaign)
    assert (found.changes.previous, found.suggestion.version) == ("1.0.0", "2.0.1")  # and no version is used twice


def test_only_people_who_asked_are_named_beside_no_id_and_no_more_once_they_left(tmp_path: Path) -> None:
    scene, _labels = three_tiles(tmp_path)
    author = scene.annotators[0]
    silent = published(scene.campaign, version="1.0.0")
    assert not (silent.path / "CREDITS.md").exists()
    set_credit_name(user=author, name="Zoé de l’Herm")
    named = published(scene.campaign, version="1.0.1")
    credits = (named.path / "CREDITS.md").read_text(encoding="utf-8")
    assert credits.endswith("\n- Zoé de l’Herm\n") and contributor_of(author).public_id not in credits
    digest = named.manifest_sha256
    erase_person(user=author, actor=author)
    later = published(scene.campaign, version="1.0.2")
    assert not (later.path / "CREDITS.md").exists()
    assert not verify(named.path, expected_manifest_sha256=digest).faults


def test_the_command_shows_what_would_be_released_and_takes_notes_from_files(tmp_path: Path) -> None:
    three_tiles(tmp_path)
    told = StringIO()
    call_command("publish_release", "--campaign", "scene", "--preview", stdout=told)
    assert told.getvalue().startswith("Version 0.1.0, first\n") and "[fr]\nPremière publication" in told.getvalue()
    told = StringIO()
    call_command("publish_release", "--campaign", "scene", "--preview", "--json", stdout=told)
    assert json.loads(told.getvalue())["changes"]["contributors"] == 1
    assert not Release.objects.exists()
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("publish_release", "--campaign", "scene", "--notes-fr", str(tmp_path / "none.md"))
    (tmp_path / "fr.md").write_text("Toutes les haies.", encoding="utf-8")
    call_command("publish_release", "--campaign", "scene", "--notes-fr", str(tmp_path / "fr.md"), stdout=StringIO())
    notes = (Release.objects.get().path / "NOTES.md").read_text(encoding="utf-8")
    assert "## Français\n\nToutes les haies.\n" in notes


def test_the_next_release_needs_the_folder_of_the_last_one_only_where_nothing_was_frozen(tmp_path: Path) -> None:
    scene, labels = three_tiles(tmp_path)
    release = published(scene.campaign, version="1.0.0")
    said(labels[0], "reverted")
    before = proposed(scene.campaign).changes
    assert before.labels == Counts(removed=1)
    shutil.rmtree(release.path)
    assert proposed(scene.campaign).changes == before
    Release.objects.update(state="failed", frozen={})  # as those of before there was a record
    Release.objects.update(state="published")
    with pytest.raises(ReleaseInputGone, match=r"scene-1\.0\.0 held is told by its files alone"):
        proposed(scene.campaign)
