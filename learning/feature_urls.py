"""Addresses of OGC API Features, under /ogc/."""

from django.urls import path, re_path

from learning import feature_views

_COLLECTION = r"collections/(?P<collection_id>[A-Za-z0-9][A-Za-z0-9._-]{0,140})"
urlpatterns = [
    path("", feature_views.LandingView.as_view(), name="ogc-landing"),
    path("api", feature_views.ApiView.as_view(), name="ogc-api"),
    path("conformance", feature_views.ConformanceView.as_view(), name="ogc-conformance"),
    path("collections", feature_views.CollectionsView.as_view(), name="ogc-collections"),
    re_path(rf"^{_COLLECTION}$", feature_views.CollectionView.as_view(), name="ogc-collection"),
    re_path(rf"^{_COLLECTION}/items$", feature_views.ItemsView.as_view(), name="ogc-items"),
    re_path(
        rf"^{_COLLECTION}/items/(?P<feature_id>[^/?#]{{1,100}})$", feature_views.ItemView.as_view(), name="ogc-item"
    ),
]
