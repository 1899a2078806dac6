"""Publishing: a version is taken, staged, verified, renamed into place, and only then shown."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from annotation.models import Campaign, Job
from annotation.services.jobs import enqueue_job
from learning.errors import InvalidVersion, NothingToPublish, ReleaseOnDisk, VersionTaken
from learning.models import Release, ReleasePolicy, TrainedModel
from learning.querysets import licensed_labels
from learning.release import layout
from learning.release.bundle import STAGING_SUFFIX, discard_staged
from learning.release.changes import FIRST_VERSION, as_text
from learning.release.manifest import read_manifest
from learning.services.class_changes import speaks_todays_classes
from learning.services.promotion import published_model
from learning.services.release_credits import forget_the_erased
from learning.services.release_freeze import frozen_inputs, national_info
from learning.services.release_proposals import VERSION, highest_version, propose_release, usable_texts
from learning.services.reported import tell_reports
from learning.services.withdrawal import settle_withdrawals

if TYPE_CHECKING:
    from django.contrib.auth.models import User

State = Release.State


@transaction.atomic
def start_release(
    *,
    campaign: Campaign,
    actor: User | None,
    version: str | None = None,
    title: str = "",
    notes: str = "",
    texts: Mapping[str, str] | None = None,
    view: str = Release.View.OWN,
) -> Job:
    """Take a version and queue its making. What is accepted when the job first begins is what is published.

    Args:   version: MAJOR.MINOR.PATCH above the last one; default: what the changes call for.
            notes: what the release is, in place of the campaign's description. texts: what changed, by language, in
            place of what the facts alone tell. view: national publishes a theme's classes as the national ones that
            they refine.
    Raises: InvalidVersion, VersionTaken, ReleaseOnDisk, NothingToPublish, NoNationalView, InvalidNotes,
            JobAlreadyRunning.
    """
    sweep_releases()
    campaign = Campaign.objects.select_for_update(of=("self",), no_key=True).get(pk=campaign.pk)
    if not licensed_labels(campaign).exists():
        raise NothingToPublish(f"{campaign.slug} has no accepted label yet: review some submissions first.")
    if view == Release.View.NATIONAL:
        national_info(campaign)
    version = version or propose_release(campaign, model=published_model(campaign), view=view).suggestion.version
    _check_version(campaign, version)
    folder = f"{campaign.slug}-{version}"
    try:
        with transaction.atomic():
            release = Release.objects.create(
                campaign=campaign,
                version=version,
                title=title or campaign.title,
                notes=notes,
                view=view,
                texts=usable_texts(texts or {}),
                folder=folder,
                trained_model=_model_to_release(campaign),
                created_by=actor,
            )
    except IntegrityError:
        raise VersionTaken(f"Release {folder} exists: published files never change; choose another version.") from None
    if _looks_published(release.path):
        raise ReleaseOnDisk(
            f"Release {folder} is on disk but not in the database: restore the database of that time, or choose "
            "another version. Published files are never removed."
        )
    return enqueue_job(kind="release", payload={"release": release.pk}, owner=actor, campaign=campaign, key=folder)


def _model_to_release(campaign: Campaign) -> TrainedModel | None:
    """The published model, unless the classes have changed since it learnt: the next one goes into the next release."""
    model = published_model(campaign)
    return model if model is not None and speaks_todays_classes(model) else None


def unfinished_release_job(*, campaign: Campaign, version: str | None) -> Job | None:
    """The job of a release that was begun and not finished, to be gone on with."""
    staging = campaign.releases.filter(state=State.STAGING)
    if version is not None:
        staging = staging.filter(version=version)
    keys = staging.values_list("folder", flat=True)
    unfinished = [Job.State.QUEUED, Job.State.RUNNING]
    return Job.objects.filter(kind="release", key__in=list(keys), state__in=unfinished).order_by("created_at").first()


def next_version(campaign: Campaign) -> str:
    """The next minor version after the campaign's highest, or the first."""
    highest = highest_version(campaign)
    return as_text(FIRST_VERSION if highest is None else (highest[0], highest[1] + 1, 0))


def staging_dir(release: Release) -> Path:
    """Where a release is written before it is renamed into place: beside its final folder."""
    return Path(settings.RELEASES_DIR) / f"{release.folder}{STAGING_SUFFIX}"


def work_dir(release: Release) -> Path:
    """Where files are prepared that the release copies."""
    return Path(settings.RELEASES_DIR) / f"{release.folder}.work{STAGING_SUFFIX}"


@transaction.atomic
def finish_release(*, release: Release) -> Release:
    """Show a release whose folder is in place, and tell the reports it corrects. The second call changes nothing."""
    release = Release.objects.select_for_update(of=("self",)).select_related("campaign").get(pk=release.pk)
    if release.state == State.PUBLISHED:
        return release
    manifest = read_manifest(release.path)
    release.manifest_sha256 = manifest.sha256
    release.artefacts = len(manifest.files)
    release.size_bytes = sum(entry.size for entry in manifest.files)
    release.summary = _summary(release, {entry.path for entry in manifest.files})
    release.state = State.PUBLISHED
    release.published_at = timezone.now()
    release.save()
    ReleasePolicy.objects.filter(campaign=release.campaign).update(proposed_at=None)
    tell_reports(release)
    return release


@transaction.atomic
def fail_release(*, release: Release) -> None:
    """Give the version back: nothing of a failed release stays, neither its folder's name nor its unfinished files.

    A finished folder is never removed, since from here nobody can tell whether it was shown before the database was
    restored from a backup: it is moved aside, for the operator to look at.
    """
    release = Release.objects.select_for_update(of=("self",)).get(pk=release.pk)
    if release.state != State.STAGING:
        return
    leftovers, finished = [staging_dir(release), work_dir(release)], release.path
    release.labels.all().delete()
    release.credits.all().delete()
    release.state, release.folder, release.frozen = State.FAILED, f"failed-{release.pk}", {}
    release.save(update_fields=["state", "folder", "frozen"])
    for folder in leftovers:
        shutil.rmtree(folder, ignore_errors=True)
    if _looks_published(finished):
        finished.rename(finished.with_name(f"{finished.name}.failed-{release.pk}"))


def _looks_published(folder: Path) -> bool:
    """Whether a folder holds anything: releases come into place whole, by one rename."""
    return folder.exists() or folder.is_symlink()


def sweep_releases() -> int:
    """Free the versions of releases whose job ended without publishing, remove files that belong to none, and take
    from the web servers what was withdrawn.

    Returns: number of versions freed.
    """
    settle_withdrawals()
    forget_the_erased()
    swept = 0
    for release in Release.objects.filter(state=State.STAGING):
        unfinished = Job.objects.filter(state__in=[Job.State.QUEUED, Job.State.RUNNING], kind="release")
        if not unfinished.filter(key=release.folder).exists():
            fail_release(release=release)
            swept += 1
    # Folders first: one that is made from now on is of a release that may not be among those asked for.
    found = list(Path(settings.RELEASES_DIR).glob(f"*{STAGING_SUFFIX}"))
    making = Release.objects.filter(state=State.STAGING)
    kept = {path.name for release in making for path in (staging_dir(release), work_dir(release))}
    for path in found:
        if path.name not in kept:
            discard_staged(path)
    return swept


def _summary(release: Release, paths: set[str]) -> dict[str, Any]:
    """What the release's page shows, from the release's own files."""
    described = json.loads((release.path / layout.RELEASE).read_text(encoding="utf-8"))
    collections = [name for name in layout.COLLECTIONS if layout.collection_path(name) in paths]
    model = release.trained_model
    frozen = frozen_inputs(release) if release.is_frozen else None  # renamed into place before there was this
    scores = frozen.model.scores if frozen and frozen.model else None
    return {
        "counts": described["counts"],
        "left_out": frozen.left_out.total if frozen else 0,
        "licence": described["licence"],
        "attribution": described["attribution"],
        "changes": described.get("changes"),
        "collections": collections,
        "model": model.version if model else None,
        "judged": model.is_judged if model else None,
        "origin": model.foreign_origin.name if model and model.foreign_origin else None,
        "miou": scores.miou.estimate if scores else None,
        "miou_low": scores.miou.low if scores else None,
        "miou_high": scores.miou.high if scores else None,
        "maps": sorted(path for path in paths if path.startswith(f"{layout.MAPS_DIR}/") and path.endswith(".tif")),
    }


def _check_version(campaign: Campaign, version: str) -> None:
    found = VERSION.fullmatch(version)
    if found is None:
        raise InvalidVersion(
            f"The version is {version[:40]!r}: give MAJOR.MINOR.PATCH, such as {next_version(campaign)}."
        )
    if campaign.releases.exclude(state=State.FAILED).filter(version=version).exists():
        raise VersionTaken(
            f"Release {campaign.slug} {version} exists: published files never change; "
            f"the next is {next_version(campaign)}."
        )
    highest = highest_version(campaign)
    if highest is not None and tuple(int(part) for part in found.groups()) < highest:
        shown = as_text(highest)
        raise InvalidVersion(
            f"The version {version} is below {shown}, the last one: the next is {next_version(campaign)}."
        )
