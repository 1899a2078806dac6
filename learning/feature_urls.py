"""Addresses of OGC API Features, under /ogc/."""

from django.urls import path, re_path

from learning import feature_views
from learning.open_data import open_data

_COLLECTION = r"collections/(?P<collection_id>[A-Za-z0-9][A-Za-z0-9._-]{0,140})"
urlpatterns = [
    path("", open_data(feature_views.LandingView.as_view()), name="ogc-landing"),
    path("api", open_data(feature_views.ApiView.as_view()), name="ogc-api"),
    path("conformance", open_data(feature_views.ConformanceView.as_view()), name="ogc-conformance"),
    path("collections", open_data(feature_views.CollectionsView.as_view()), name="ogc-collections"),
    re_path(rf"^{_COLLECTION}$", open_data(feature_views.CollectionView.as_view()), name="ogc-collection"),
    re_path(rf"^{_COLLECTION}/items$", open_data(feature_views.ItemsView.as_view()), name="ogc-items"),
    re_path(
        rf"^{_COLLECTION}/items/(?P<feature_id>[^/?#]{{1,100}})$",
        open_data(feature_views.ItemView.as_view()),
        name="ogc-item",
    ),
    # What no collection can be called is told as everything else here is: as JSON.
    re_path(r"^(?P<anything>[\s\S]+)\Z", open_data(feature_views.MissingView.as_view()), name="ogc-missing"),
]
