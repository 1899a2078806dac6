#!/usr/bin/env python
"""Django's command line; `platform/` holds the project's own packages."""

import os
import sys
from pathlib import Path

# Index 1, never 0: the repository root stays first, and `platform` itself must remain the standard library's.
sys.path.insert(1, str(Path(__file__).resolve().parent / "platform"))


def main() -> None:
    """Run one management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.dev")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
