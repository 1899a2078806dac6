"""What pages of other sites may read: published files and catalogues, and nothing that depends on who asks."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase

_ALLOWED = {
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "Range, If-Range, If-None-Match",
    "Access-Control-Max-Age": "86400",
}
_SHOWN = "ETag, Content-Length, Content-Range, Content-Crs, Accept-Ranges, Link, Retry-After"


def open_data(view: Callable[..., Any]) -> Callable[..., HttpResponseBase]:
    """Let a page of any origin read a view's answers, by GET and HEAD, without cookies (SECURITY.md, T15).

    A browser sends no credentials to `*`, and the view must not look at the account: what it answers is for everyone.
    Source: Fetch (WHATWG), "CORS protocol".
    """

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "OPTIONS":
            return HttpResponse(status=204, headers={"Access-Control-Allow-Origin": "*", **_ALLOWED})
        response: HttpResponseBase = view(request, *args, **kwargs)
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Expose-Headers"] = _SHOWN
        return response

    return answered
