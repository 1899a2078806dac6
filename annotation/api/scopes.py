"""What a script's token may do: a route says which scope each method wants, else it takes no token (docs/adr/0025)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request

from annotation.models import ApiToken

if TYPE_CHECKING:  # the views' module asks for this one while it is being loaded
    from rest_framework.views import APIView

READ = {"GET": "read"}
ANNOTATE = {"GET": "read", "POST": "annotate", "PUT": "annotate"}
REVIEW = {"GET": "review", "POST": "review", "PUT": "review"}
PUBLISH = {"GET": "read", "POST": "publish"}


def scope_of(view: Any, method: str | None) -> str | None:
    """The scope that a token needs for this method of a view; None where tokens are refused."""
    wanted: dict[str, str] = getattr(view, "token_scopes", {})
    return wanted.get("GET" if method in {"HEAD", "OPTIONS"} else str(method))


class TokenScope(BasePermission):
    """A caller with a token may do what its scopes cover; a caller with a session is not concerned."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether the token's scopes cover this route and method."""
        if not isinstance(request.auth, ApiToken):
            return True
        wanted = scope_of(view, request.method)
        if wanted in request.auth.scopes:
            return True
        held = ", ".join(request.auth.scopes)
        self.message = (
            f"This needs a token with the scope {wanted!r}, yours has {held}: make another under My account."
            if wanted
            else "This takes no token: sign in with a browser."
        )
        return False


#: For routes that anyone may read.
PUBLIC: list[type[BasePermission]] = [AllowAny, TokenScope]
