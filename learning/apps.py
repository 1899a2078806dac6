"""The learning app: training sets, runs, trained models, predictions, acquisition rounds, releases."""

from django.apps import AppConfig


class LearningConfig(AppConfig):
    """What the machine does."""

    name = "learning"
    verbose_name = "Learning"
