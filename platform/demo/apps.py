"""The demonstration, as an app for the sake of its command."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    """It has no tables."""

    name = "demo"
