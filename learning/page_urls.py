"""The public catalogue's pages, those of maintainers about trust and throughput, and a person's own work."""

from django.urls import path, register_converter
from django.urls.converters import StringConverter

from learning import (
    batch_pages,
    catalogue_views,
    change_round_pages,
    class_pages,
    dashboard_pages,
    import_pages,
    map_request_pages,
    model_pages,
    new_release_pages,
    pages,
    pair_pages,
    release_desk_pages,
    release_documents,
    release_feeds,
    retraining_pages,
    sample_pages,
    territory_pages,
    trust_pages,
    usage_pages,
)


class ReleaseName(StringConverter):
    """A campaign's slug and a version, as in gers-1.0.0."""

    regex = r"[a-z0-9-]{1,60}-\d+\.\d+\.\d+"


register_converter(ReleaseName, "release_name")


class ReleaseVersion(StringConverter):
    """A release's version."""

    regex = r"\d{1,6}\.\d{1,6}\.\d{1,6}"


register_converter(ReleaseVersion, "release_version")

_TRUST = "campaigns/<slug:slug>/trust/"
urlpatterns = [
    path("me/", dashboard_pages.MyWorkView.as_view(), name="my-work"),
    path("campaigns/<slug:slug>/dashboard/", dashboard_pages.DashboardView.as_view(), name="dashboard"),
    path("campaigns/<slug:slug>/classes/", class_pages.ClassChangesView.as_view(), name="class-changes"),
    path("campaigns/<slug:slug>/classes/<int:number>/", class_pages.ClassChangeView.as_view(), name="class-change"),
    path(
        "campaigns/<slug:slug>/classes/<int:number>/report.csv",
        class_pages.ClassChangeReportView.as_view(),
        name="class-change-report",
    ),
    path("campaigns/<slug:slug>/retraining/", retraining_pages.RetrainingView.as_view(), name="retraining"),
    path(
        "campaigns/<slug:slug>/retraining/models/<int:number>/",
        retraining_pages.ModelActionView.as_view(),
        name="model-action",
    ),
    path("campaigns/<slug:slug>/models/<slug:model_version>/", model_pages.ModelView.as_view(), name="model"),
    path(
        "campaigns/<slug:slug>/models/<slug:model_version>/errors/<int:tile_id>.png",
        model_pages.error_map_picture,
        name="model-errors",
    ),
    path(
        "campaigns/<slug:slug>/models/<slug:model_version>/maps/",
        map_request_pages.MapRequestsView.as_view(),
        name="map-requests",
    ),
    path("campaigns/<slug:slug>/usage/", usage_pages.UsageView.as_view(), name="usage"),
    path("campaigns/<slug:slug>/usage/<str:file>", usage_pages.artificialisation_file, name="artificialisation-file"),
    path("campaigns/<slug:slug>/import-model/", import_pages.ImportModelView.as_view(), name="import-model"),
    path(
        "campaigns/<slug:slug>/change/rounds/new/",
        change_round_pages.NewChangeRoundView.as_view(),
        name="new-change-round",
    ),
    path("campaigns/<slug:slug>/sample/", sample_pages.SamplesView.as_view(), name="samples"),
    path("campaigns/<slug:slug>/sample/<int:sample_id>/", sample_pages.SampleView.as_view(), name="sample"),
    path(_TRUST, trust_pages.TrustView.as_view(), name="trust"),
    path(f"{_TRUST}alarms/<int:alarm_id>/dismiss/", trust_pages.DismissAlarmView.as_view(), name="dismiss-alarm"),
    path(f"{_TRUST}alarms/<int:alarm_id>/revert/", trust_pages.RevertForAlarmView.as_view(), name="trust-revert"),
    path(f"{_TRUST}batch/", batch_pages.RevertBatchView.as_view(), name="revert-batch"),
    path(f"{_TRUST}reverts/<int:revert_id>/", trust_pages.RevertView.as_view(), name="revert"),
    path("campaigns/<slug:slug>/releases/", release_desk_pages.ReleaseDeskView.as_view(), name="release-desk"),
    path("campaigns/<slug:slug>/releases/new/", new_release_pages.NewReleaseView.as_view(), name="new-release"),
    path(
        "campaigns/<slug:slug>/releases/<release_name:name>/withdraw/",
        release_desk_pages.WithdrawView.as_view(),
        name="withdraw-release",
    ),
    path("pairs/", pair_pages.PairListView.as_view(), name="pairs"),
    path("pairs/<int:pair_id>/", pair_pages.PairView.as_view(), name="pair"),
    path("territories/", territory_pages.TerritoryListView.as_view(), name="territories"),
    path("territories/<slug:kind>/<slug:code>/", territory_pages.TerritoryView.as_view(), name="territory"),
    path(
        "territories/<slug:kind>/<slug:code>/boundary.geojson",
        territory_pages.territory_boundary,
        name="territory-boundary",
    ),
    path(
        "territories/<slug:kind>/<slug:code>/<slug:slug>/<slug:table>.csv",
        territory_pages.territory_table,
        name="territory-table",
    ),
    path("method/", territory_pages.MethodView.as_view(), name="method"),
    path("releases/", pages.ReleaseListView.as_view(), name="releases"),
    path("releases/dcat.jsonld", catalogue_views.dcat_catalogue, name="dcat"),
    path("stac/catalog.json", catalogue_views.stac_root, name="stac-root"),
    path("stac/", catalogue_views.stac_root, name="stac"),
    path("stac/<slug:slug>/catalog.json", catalogue_views.stac_campaign, name="stac-campaign"),
    path("stac/<slug:slug>/earlier-<int:page>.json", catalogue_views.stac_campaign, name="stac-campaign-earlier"),
    path("stac/<slug:slug>/<release_version:numbers>.json", catalogue_views.stac_release, name="stac-release"),
    path("releases/feed.atom", release_feeds.releases_feed, name="releases-feed"),
    path("campaigns/<slug:slug>/releases.atom", release_feeds.releases_feed, name="campaign-releases-feed"),
    path("releases/<release_name:name>/", pages.ReleaseView.as_view(), name="release"),
    path("releases/<release_name:name>/model/", release_documents.ModelCardView.as_view(), name="model-card"),
]
