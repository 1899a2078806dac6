"""Withdrawing a release: its files are gone for readers, and a page says why, since when, and what to take instead.

Nothing published is changed or silently taken away: the row stays with manifest and checksums, so that whoever has a
copy can tell what it is. There is no way back; what was withdrawn by mistake is published again as a new version
(docs/adr/0049).
"""

from __future__ import annotations

import shutil
import unicodedata
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from annotation.models import AuditEntry
from annotation.services.audit import record_change
from learning.errors import CannotWithdraw
from learning.models import Release
from learning.release import layout
from learning.release.rules import EMAIL

if TYPE_CHECKING:
    from django.contrib.auth.models import User

LONGEST_REASON = 500
KEPT_FILES = frozenset({layout.MANIFEST, layout.SUMS})


@transaction.atomic
def withdraw_release(*, release: Release, actor: User | None, reason: str, remove_files: bool = False) -> Release:
    """Withdraw a published release; its files are moved out of the web servers' sight once this is committed.

    Args:   reason: published. remove_files: also remove the files, but for manifest and checksums: for personal data
            that should never have been in them. What was withdrawn before may lose its files later.
    Raises: CannotWithdraw (not published, withdrawn before, no reason or one that cannot be published).
    """
    release = Release.objects.select_for_update(of=("self",)).select_related("campaign").get(pk=release.pk)
    if release.state != Release.State.PUBLISHED:
        raise CannotWithdraw(f"{release} is {release.state}: only what is published can be withdrawn.")
    if release.yanked_at is None:
        release.yank_reason = checked_reason(reason)
        release.yanked_at = Now()  # type: ignore[assignment]
        release.yanked_by = actor
    elif not remove_files or release.files_removed_at is not None:
        raise CannotWithdraw(
            f"{release} was withdrawn on {release.yanked_at:%Y-%m-%d}, and its reason does not change: publish a new "
            "version to say more."
        )
    if remove_files:
        release.files_removed_at = Now()  # type: ignore[assignment]
    release.save(update_fields=["yanked_at", "yank_reason", "yanked_by", "files_removed_at"])
    release.refresh_from_db(fields=["yanked_at", "files_removed_at"])
    record_change(
        action=AuditEntry.Action.RELEASE_WITHDRAWN,
        actor=actor,
        campaign=release.campaign,
        before=release.version,
        after="files removed" if remove_files else "files kept",
    )
    transaction.on_commit(partial(settle_withdrawn, release))
    return release


def checked_reason(reason: str) -> str:
    """A reason fit to be published. Raises: CannotWithdraw."""
    reason = reason.strip()
    if not 1 <= len(reason) <= LONGEST_REASON:
        raise CannotWithdraw(
            f"The reason has {len(reason)} characters: give 1 to {LONGEST_REASON}; everybody who looks for the release "
            "reads it."
        )
    if EMAIL.search(reason):
        raise CannotWithdraw("The reason holds an e-mail address: leave it out; everybody can read the reason.")
    hidden = next((char for char in reason if unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"}), None)
    if hidden is not None:
        raise CannotWithdraw(f"The reason holds U+{ord(hidden):04X}, which is not seen: write one line of plain text.")
    return reason


def replacement_of(release: Release) -> Release | None:
    """What to take instead of a withdrawn release: the campaign's newest one that stands."""
    standing = release.campaign.releases.standing().filter(view=release.view).select_related("campaign")
    return standing.order_by("-published_at").first()


def settle_withdrawals() -> None:
    """Finish what a crash after a withdrawal left undone; repeated, it changes nothing."""
    for release in Release.objects.public().filter(yanked_at__isnull=False):
        settle_withdrawn(release)


def settle_withdrawn(release: Release) -> None:
    """Move a withdrawn release's folder away from where web servers look, and remove its files where they must go."""
    shown = Path(settings.RELEASES_DIR) / release.folder
    if shown.is_dir() and not release.path.exists():
        shown.rename(release.path)
    if release.files_removed_at is not None and release.path.is_dir():
        for entry in release.path.iterdir():
            if entry.name in KEPT_FILES:
                continue
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()
