"""Who asked to be named in a release: kept as rows that go with the account, while what was published stays."""

from __future__ import annotations

from collections.abc import Iterable

from django.db.models import QuerySet

from annotation.models import Contributor
from annotation.querysets import AnnotationQuerySet
from learning.models import Release, ReleasedCredit
from learning.release import layout
from learning.release.errors import InvalidContents
from learning.release.frozen import Frozen
from learning.release.manifest import file_sha256, read_manifest
from learning.release.notes import credited_in_document


def credited_names(labels: AnnotationQuerySet) -> tuple[str, ...]:
    """Names of those who drew the labels and asked to be named, in alphabetical order, each once."""
    return _in_order(_people(labels).values_list("credit_name", flat=True))


def freeze_credits(*, release: Release, labels: AnnotationQuerySet) -> int:
    """Write down whom a release names: how many names."""
    people = list(_people(labels).values_list("user_id", "credit_name"))
    ReleasedCredit.objects.bulk_create(ReleasedCredit(release=release, person_id=pk, name=name) for pk, name in people)
    return len(_in_order(name for _pk, name in people))


def standing_credits(release: Release, *, locked: bool = False) -> tuple[str, ...]:
    """Names of those whose account is still there.

    Args: locked: within a transaction; accounts named here are not deleted before it ends.
    """
    rows = ReleasedCredit.objects.filter(release=release)
    rows = rows.select_for_update(of=("self",)).order_by("pk") if locked else rows
    kept = dict(rows.values_list("person_id", "name"))
    erased = Contributor.objects.filter(user__in=list(kept), erased_at__isnull=False)
    gone = set(erased.values_list("user_id", flat=True))
    return _in_order(name for person, name in kept.items() if person not in gone)


def credits_to_write(release: Release, frozen: Frozen) -> tuple[str, ...]:
    """Names for CREDITS.md. Of a published release whose people left since, those in its own file, if it is there: no
    other place has them any more.
    """
    names = standing_credits(release)
    if release.state != Release.State.PUBLISHED or len(names) == frozen.credited:
        return names
    path = release.path / layout.CREDITS
    try:
        manifest = read_manifest(release.path)
        listed = {entry.path: entry.sha256 for entry in manifest.files}
        is_published = manifest.sha256 == release.manifest_sha256 and listed.get(layout.CREDITS) == file_sha256(path)
    except (OSError, InvalidContents):
        return names
    return credited_in_document(path.read_text(encoding="utf-8")) if is_published else names


def forget_the_erased() -> None:
    """Names frozen at the moment at which their account was being deleted; none of them was or will be written."""
    ReleasedCredit.objects.filter(person__contributor__erased_at__isnull=False).delete()


def _people(labels: AnnotationQuerySet) -> QuerySet[Contributor]:
    drew = Contributor.objects.filter(user__in=labels.order_by().values("annotator"), erased_at__isnull=True)
    return drew.exclude(credit_name="")


def _in_order(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names), key=lambda name: (name.casefold(), name)))
