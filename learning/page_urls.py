"""The public catalogue's pages."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from learning import pages


class ReleaseName(StringConverter):
    """A campaign's slug and a version, as in gers-1.0.0."""

    regex = r"[a-z0-9-]{1,60}-\d+\.\d+\.\d+"


register_converter(ReleaseName, "release_name")

urlpatterns = [
    path("releases/", pages.ReleaseListView.as_view(), name="releases"),
    path("releases/<release_name:name>/", pages.ReleaseView.as_view(), name="release"),
]
