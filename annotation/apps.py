"""The annotation app: imagery, nomenclatures, campaigns, tiles, the queue, annotations and reviews."""

from django.apps import AppConfig


class AnnotationConfig(AppConfig):
    """What people do."""

    name = "annotation"
    verbose_name = "Annotation"
