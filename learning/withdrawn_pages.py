"""What is answered for a release that was withdrawn: 410, as a page for people and as JSON for programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers

from learning.models import Release
from learning.release import layout
from learning.services.withdrawal import KEPT_FILES, replacement_of

GONE = 410
PROBLEM_JSON = "application/problem+json"
#: Who asks again later may be told of a newer release to take instead.
HEADERS = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}


def is_kept(path: str) -> bool:
    """Whether a file of a withdrawn release is still given: those that tell what a copy is."""
    return path in KEPT_FILES


def gone(request: HttpRequest, release: Release) -> HttpResponse:
    """The tombstone of a withdrawn release: a page where HTML is asked for by name, else JSON (RFC 9457)."""
    instead = replacement_of(release)
    if "text/html" in request.headers.get("Accept", ""):
        context = {"release": release, "campaign": release.campaign, "instead": instead, "kept": sorted(KEPT_FILES)}
        answer = render(request, "learning/withdrawn.html", context, status=GONE)
    else:
        body = tombstone(release, instead, address=request.build_absolute_uri)
        answer = JsonResponse(body, status=GONE, content_type=PROBLEM_JSON)
    for name, value in HEADERS.items():
        answer[name] = value
    patch_vary_headers(answer, ["Accept"])
    return answer


def tombstone(release: Release, instead: Release | None, *, address: Callable[[str], str]) -> dict[str, Any]:
    """Why a release was withdrawn, when, and what replaces it; `address` makes a whole address of a path."""
    page = address(reverse("release", args=[release.folder]))
    return {
        "type": "about:blank",
        "title": "This release was withdrawn.",
        "status": GONE,
        "detail": release.yank_reason,
        "code": "release_withdrawn",
        "release": release.folder,
        "version": release.version,
        "campaign": release.campaign.slug,
        "published_at": release.published_at.isoformat() if release.published_at else None,
        "withdrawn_at": release.yanked_at.isoformat() if release.yanked_at else None,
        "reason": release.yank_reason,
        "files_removed": release.files_removed_at is not None,
        "page": page,
        "manifest": f"{page}files/{layout.MANIFEST}",
        "manifest_sha256": release.manifest_sha256,
        "replaced_by": None
        if instead is None
        else {
            "release": instead.folder,
            "version": instead.version,
            "page": address(reverse("release", args=[instead.folder])),
        },
    }
