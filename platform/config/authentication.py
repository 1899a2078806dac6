"""How the API knows who calls."""

from __future__ import annotations

from drf_spectacular.authentication import SessionScheme
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request


class SessionAuthentication401(SessionAuthentication):
    """Session and CSRF, answering 401 (not 403) to a caller who is signed out.

    The studio must tell "sign in again, your work is kept" from "this is not yours".
    """

    def authenticate_header(self, request: Request) -> str:
        """Give DRF a challenge, which is what makes it answer 401."""
        return 'Session realm="solcommun"'


class StudioSessionScheme(SessionScheme):
    """The same scheme in the OpenAPI document: a session cookie, with the CSRF header on writes."""

    target_class = "config.authentication.SessionAuthentication401"
    name = "session"
