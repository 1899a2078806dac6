"""How the API knows who calls."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from annotation.api.scopes import scope_of
from annotation.models import ApiToken
from annotation.services.tokens import token_of


class SessionAuthentication401(SessionAuthentication):
    """Session and CSRF, answering 401 (not 403) to a caller who is signed out.

    The studio must tell "sign in again, your work is kept" from "this is not yours".
    """

    def authenticate_header(self, request: Request) -> str:
        """Give DRF a challenge, which is what makes it answer 401."""
        return 'Session realm="solcommun"'


class TokenAuthentication(BaseAuthentication):
    """A script's token, as `Authorization: Bearer sol_…`. A request that carries one never falls back to a session."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """The token's person and the token; None when the request carries none. Raises: AuthenticationFailed."""
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = token_of(secret.strip())
        if token is None:
            raise AuthenticationFailed("This token is unknown, revoked or has lapsed: make another under My account.")
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """The challenge of RFC 6750."""
        return 'Bearer realm="solcommun"'


class StudioSessionScheme(SessionScheme):
    """The same scheme in the OpenAPI document: a session cookie, with the CSRF header on writes."""

    target_class = "config.authentication.SessionAuthentication401"
    name = "session"


class TokenScheme(OpenApiAuthenticationExtension):
    """A script's token in the OpenAPI document, with the scope that each operation wants."""

    target_class = "config.authentication.TokenAuthentication"
    name = "token"

    def get_security_requirement(self, auto_schema: Any) -> Any:
        """The scope of this operation; nothing where tokens are refused."""
        wanted = scope_of(auto_schema.view, auto_schema.method)
        return None if wanted is None else {self.name: [wanted]}

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """An opaque bearer token."""
        told = f"A token made under My account. Scopes: {', '.join(ApiToken.Scope.values)}."
        return {"type": "http", "scheme": "bearer", "description": told}
