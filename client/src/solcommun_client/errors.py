"""What can go wrong; each message names what was met and the next step."""

from __future__ import annotations


class ClientError(Exception):
    """Base of every error raised on purpose."""


class Refused(ClientError):
    """What was given or found cannot be used: an address, a folder, a manifest, a file."""


class Unreachable(ClientError):
    """The site did not answer, or not with what was asked for."""


class NotThere(Unreachable):
    """The site answered, and has nothing at that address."""
