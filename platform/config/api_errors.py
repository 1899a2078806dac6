"""One shape for every error the API answers: {"error": {"code", "message", "details"}}."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler as drf_handler

from annotation.errors import UserError


def exception_handler(exc: Exception, context: dict[str, Any]) -> Response | None:
    """Translate our own errors and DRF's into the one error body; anything else is a 500 and is logged."""
    if isinstance(exc, UserError):
        body = {"code": exc.code, "message": str(exc), "details": exc.details or {}}
        wait_s = exc.details.get("retry_after_s")
        return Response(
            {"error": body}, status=exc.status, headers=None if wait_s is None else {"Retry-After": str(wait_s)}
        )
    if isinstance(exc, RequestDataTooBig):
        message = f"The body is larger than {settings.API_MAX_BODY_BYTES} bytes: send fewer or simpler features."
        return Response({"error": {"code": "body_too_large", "message": message, "details": {}}}, status=413)
    response = drf_handler(exc, context)
    if response is None:
        return None
    details: Any
    if isinstance(exc, Http404):
        code, message, details = "not_found", "Nothing here that you may see.", {}
    elif isinstance(exc, PermissionDenied):
        code, message, details = "permission_denied", str(exc) or "You may not do this.", {}
    elif isinstance(exc, exceptions.ValidationError):
        code, message, details = "invalid", "Some values are not usable; see details.", response.data
    elif isinstance(exc, exceptions.APIException):
        code = str(exc.get_codes()) if not isinstance(exc.get_codes(), dict) else exc.default_code
        message, details = str(exc.detail), {}
    else:
        code, message, details = "error", str(exc), {}
    response.data = {"error": {"code": code, "message": message, "details": details}}
    return response
