"""JSON bodies, bounded before they are read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


class BoundedJSONParser(JSONParser):
    """Strict JSON of at most API_MAX_BODY_BYTES: no NaN, no Infinity, no runaway nesting."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the decoded body. Raises: ParseError (400) says what is wrong, RequestDataTooBig (413)."""
        limit = settings.API_MAX_BODY_BYTES
        raw = stream.read(limit + 1)
        if len(raw) > limit:
            raise RequestDataTooBig
        try:
            return json.loads(raw.decode("utf-8"), parse_constant=_refuse_constant)
        except RecursionError:
            raise ParseError("The body is nested too deeply: features hold rings, rings hold points.") from None
        except ValueError as error:
            raise ParseError(f"The body is not JSON: {error}.") from None
