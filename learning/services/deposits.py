"""Taking a release to Zenodo, data.gouv.fr or the Hugging Face Hub: planned whole, sent step by step, never twice."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from annotation.models import Job
from annotation.services.jobs import enqueue_job
from learning.errors import CannotDeposit
from learning.models import Deposit, Release
from learning.release.deposit.archives import packed
from learning.release.deposit.calls import Plan
from learning.release.deposit.datagouv import datagouv_plan
from learning.release.deposit.dry_run import plan_sha256, write_dry_run
from learning.release.deposit.huggingface import huggingface_plan
from learning.release.deposit.record import DepositRecord, read_record
from learning.release.deposit.sending import Progress
from learning.release.deposit.zenodo import zenodo_plan
from learning.release.manifest import read_manifest

if TYPE_CHECKING:
    from django.contrib.auth.models import User

State, Target = Deposit.State, Deposit.Target
KIND = "deposit"
#: Workers may have no way out to other sites (docker-compose.yml): none takes this queue unless it is started for it.
QUEUE = "deposits"
#: Where a first release made a public page, whatever is added to it is seen at once.
SHOWN_AT_ONCE = frozenset({Target.DATAGOUV, Target.HUGGINGFACE})


@transaction.atomic
def start_deposit(*, release: Release, target: str, publish: bool, actor: User | None) -> Job:
    """Queue the sending of a release, or of what is left of it; with `publish` it is shown to everybody at the end.

    Raises: CannotDeposit (not published here, no token or address in the settings, another version is under way there,
            it was begun elsewhere, or adding to it would show it without the word to publish), JobAlreadyRunning.
    """
    origin = checked_origin(target)
    if not deposit_token(target):
        raise CannotDeposit(
            f"There is no token for {target}: set {_SETTINGS[Target(target)][1]} (docs/guides/operator.md)."
        )
    release = Release.objects.select_for_update(of=("self",)).get(pk=release.pk)
    _check_release(release)
    _check_others(release, target, origin, publish=publish)
    deposit, _ = Deposit.objects.get_or_create(
        release=release, target=target, defaults={"origin": origin, "created_by": actor}
    )
    if deposit.origin != origin:
        raise CannotDeposit(
            f"{release.folder} was taken to {deposit.origin}, and the settings name {origin}: set that one, or forget "
            "the deposit with --forget once it is removed there."
        )
    return enqueue_job(
        kind=KIND,
        payload={"deposit": deposit.pk, "publish": publish},
        owner=actor,
        campaign=release.campaign,
        queue=QUEUE,
        key=job_key(deposit),
    )


def job_key(deposit: Deposit) -> str:
    """By which a deposit's job is found."""
    return f"{deposit.target}-{deposit.release.folder}"


def unfinished_deposit_job(*, release: Release, target: str) -> Job | None:
    """The job of a deposit that was begun and whose process may be gone."""
    unfinished = [Job.State.QUEUED, Job.State.RUNNING]
    return Job.objects.filter(kind=KIND, key=f"{target}-{release.folder}", state__in=unfinished).first()


def deposit_plan(*, release: Release, target: str, work_dir: Path) -> Plan:
    """Every request that takes a release to a target, with its bytes.

    Args:   work_dir: for zip files, which the requests then read.
    Raises: CannotDeposit.
    """
    _check_release(release)
    origin = checked_origin(target)
    site = settings.SITE_URL
    if not site:
        raise CannotDeposit("SITE_URL is not set: a deposit links to the release's page (docs/guides/operator.md).")
    record = read_record(release.path, name=release.folder, site=site)
    try:
        return _planned(release, record, target, origin, work_dir)
    except ValueError as error:
        raise CannotDeposit(f"{release.folder} cannot go to {target}: {error}.") from error


def _planned(release: Release, record: DepositRecord, target: str, origin: str, work_dir: Path) -> Plan:
    before = previous_deposit(release, target, origin)
    if target == Target.ZENODO:
        previous = before.external_id if before else None
        return zenodo_plan(record, packed(record, work_dir), origin=origin, previous=previous)
    if target == Target.DATAGOUV:
        if not settings.DATAGOUV_ORGANIZATION:
            raise CannotDeposit("DATAGOUV_ORGANIZATION is not set: the id of the organisation that publishes there.")
        dataset = before.external_id if before else None
        return datagouv_plan(record, origin=origin, organisation=settings.DATAGOUV_ORGANIZATION, dataset=dataset)
    if not settings.HUGGINGFACE_NAMESPACE:
        raise CannotDeposit("HUGGINGFACE_NAMESPACE is not set: the name of the person or organisation on the Hub.")
    earlier = [entry.path for entry in read_manifest(before.release.path).files] if before else []
    return huggingface_plan(record, origin=origin, namespace=settings.HUGGINGFACE_NAMESPACE, earlier=earlier)


def previous_deposit(release: Release, target: str, origin: str) -> Deposit | None:
    """The campaign's last deposit there that was published before this one."""
    others = Deposit.objects.filter(
        release__campaign_id=release.campaign_id, target=target, origin=origin, state=State.PUBLISHED
    )
    return others.exclude(release=release).select_related("release").order_by("published_at").last()


def dry_run_deposit(*, release: Release, target: str, folder: Path) -> tuple[Plan, list[Path]]:
    """Write down what would be sent, and send nothing; needs no token.

    Raises: CannotDeposit, StagingRefused (the folder is not empty).
    """
    if folder.exists() and any(folder.iterdir()):
        raise CannotDeposit(f"{folder} is not empty: give a new folder.")
    plan = deposit_plan(release=release, target=target, work_dir=folder / "files")
    return plan, write_dry_run(plan, folder)


@transaction.atomic
def begin_sending(*, deposit: Deposit, plan: Plan) -> Progress:
    """What is done of a plan. Where the plan is another than last time, every step is asked about again."""
    deposit = Deposit.objects.select_for_update().get(pk=deposit.pk)
    digest = plan_sha256(plan)
    if deposit.plan_sha256 != digest:
        deposit.plan_sha256, deposit.done = digest, []
        deposit.save(update_fields=["plan_sha256", "done"])
    return Progress(known=dict(deposit.known), done=list(deposit.done))


def keep_progress(*, deposit: Deposit, progress: Progress) -> None:
    """Write down what a step gave, so that it is not done again."""
    Deposit.objects.filter(pk=deposit.pk).update(
        known=progress.known,
        done=progress.done,
        external_id=progress.known.get("record", ""),
        address=progress.known.get("page", ""),
        doi=progress.known.get("doi", ""),
    )


def require_standing(*, deposit: Deposit) -> None:
    """Stop what goes on for hours where the release was withdrawn meanwhile. Raises: CannotDeposit."""
    _check_release(Release.objects.public().select_related("campaign").get(pk=deposit.release_id))


@transaction.atomic
def finish_deposit(*, deposit: Deposit, publish: bool) -> Deposit:
    """A deposit whose steps are done: a draft there, or published with what it is cited by."""
    deposit = Deposit.objects.select_for_update().get(pk=deposit.pk)
    if publish and deposit.state != State.PUBLISHED:
        deposit.state, deposit.published_at = State.PUBLISHED, timezone.now()
    elif deposit.state == State.SENDING:
        deposit.state = State.DRAFT
    deposit.save(update_fields=["state", "published_at"])
    return deposit


@transaction.atomic
def forget_deposit(*, release: Release, target: str) -> None:
    """Forget a deposit that was never published, once its draft was thrown away there: the next one begins anew.

    Raises: CannotDeposit (there is none, it is published, or being sent).
    """
    deposit = Deposit.objects.select_for_update().filter(release=release, target=target).first()
    if deposit is None:
        raise CannotDeposit(f"{release.folder} was not taken to {target}.")
    if deposit.state == State.PUBLISHED:
        raise CannotDeposit(f"{release.folder} is published at {deposit.address}: what is published is not forgotten.")
    if unfinished_deposit_job(release=release, target=target) is not None:
        raise CannotDeposit(f"{release.folder} is on its way to {target}: wait for the job to end.")
    deposit.delete()


_SETTINGS = {
    Target.ZENODO: ("ZENODO_URL", "ZENODO_TOKEN"),
    Target.DATAGOUV: ("DATAGOUV_URL", "DATAGOUV_API_KEY"),
    Target.HUGGINGFACE: ("HUGGINGFACE_URL", "HUGGINGFACE_TOKEN"),
}


def checked_origin(target: str) -> str:
    """Scheme and host of a target, from the settings.

    Raises: CannotDeposit (no such target, or an address that is neither https nor on this machine).
    """
    if target not in _SETTINGS:
        raise CannotDeposit(f"{target!r} is no place for deposits: {', '.join(sorted(_SETTINGS))}.")
    name = _SETTINGS[Target(target)][0]
    parts = urlsplit(getattr(settings, name))
    if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost"):
        raise CannotDeposit(f"{name} is {getattr(settings, name)!r}: an https address is expected.")
    return f"{parts.scheme}://{parts.netloc}"


def deposit_token(target: str) -> str:
    """The token of a target, from the settings; never written anywhere."""
    return str(getattr(settings, _SETTINGS[Target(target)][1]))


def _check_release(release: Release) -> None:
    if release.state != Release.State.PUBLISHED:
        raise CannotDeposit(f"{release} is not published here: publish it first.")
    if release.yanked_at is not None:
        raise CannotDeposit(f"{release.folder} is withdrawn: what is withdrawn here is not taken elsewhere.")


def _check_others(release: Release, target: str, origin: str, *, publish: bool) -> None:
    of_campaign = Deposit.objects.filter(release__campaign_id=release.campaign_id, target=target, origin=origin)
    waiting = of_campaign.exclude(release=release).exclude(state=State.PUBLISHED).first()
    if waiting is not None:
        raise CannotDeposit(
            f"{waiting.release.folder} is at {target} and not published ({waiting.address or 'being sent'}): publish "
            "it with --publish, or throw the draft away there and forget it with --forget."
        )
    was_shown = of_campaign.filter(state=State.PUBLISHED).exists()
    if target in SHOWN_AT_ONCE and was_shown and not publish:
        raise CannotDeposit(
            f"The page of {release.campaign.slug} at {target} is public, so that whatever is added is seen at once: "
            "look at it with --dry-run, then add --publish."
        )
