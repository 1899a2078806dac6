"""Routes of people's work, under /api/v1/."""

from django.urls import path

from annotation.api import report_views, studio_views, views

urlpatterns = [
    path("me/", views.MeView.as_view(), name="api-me"),
    path("me/annotations/", views.MyAnnotationsView.as_view(), name="api-my-annotations"),
    path("campaigns/", views.CampaignListView.as_view(), name="api-campaigns"),
    path("campaigns/<slug:slug>/", views.CampaignView.as_view(), name="api-campaign"),
    path("campaigns/<slug:slug>/claim/", views.ClaimView.as_view(), name="api-claim"),
    path("campaigns/<slug:slug>/pick/", views.PickView.as_view(), name="api-pick"),
    path("campaigns/<slug:slug>/tiles.geojson", views.CampaignTilesView.as_view(), name="api-campaign-tiles"),
    path(
        "campaigns/<slug:slug>/reports.geojson", report_views.CampaignReportsView.as_view(), name="api-campaign-reports"
    ),
    path("reports/<slug:report_id>/", report_views.ReportView.as_view(), name="api-report"),
    path("campaigns/<slug:slug>/reviews/next/", views.NextReviewView.as_view(), name="api-next-review"),
    path("tiles/<int:tile_id>/", views.TileView.as_view(), name="api-tile"),
    path("tiles/<int:tile_id>/pick/", views.TilePickView.as_view(), name="api-tile-pick"),
    path("tiles/<int:tile_id>/annotation/", views.AnnotationView.as_view(), name="api-annotation"),
    path("tiles/<int:tile_id>/annotation/submit/", views.SubmitView.as_view(), name="api-submit"),
    path("tiles/<int:tile_id>/annotation/geojson/", views.GeoJSONView.as_view(), name="api-geojson"),
    path("tiles/<int:tile_id>/segments/", studio_views.SegmentsView.as_view(), name="api-segments"),
    path("tiles/<int:tile_id>/other-vintages/", studio_views.OtherVintagesView.as_view(), name="api-other-vintages"),
    path("annotations/<int:annotation_id>/reviews/", views.ReviewView.as_view(), name="api-review"),
    path("leases/<uuid:token>/heartbeat/", views.HeartbeatView.as_view(), name="api-heartbeat"),
    path("leases/<uuid:token>/release/", views.ReleaseLeaseView.as_view(), name="api-release-lease"),
    path("jobs/<uuid:job_id>/", views.JobView.as_view(), name="api-job"),
    path("jobs/<uuid:job_id>/cancel/", views.CancelJobView.as_view(), name="api-job-cancel"),
]
