"""Routes of people's work, under /api/v1/."""

from django.urls import path

from annotation.api import (
    change_views,
    class_views,
    people_views,
    quality_views,
    report_views,
    review_views,
    studio_views,
    views,
)

urlpatterns = [
    path("me/", views.MeView.as_view(), name="api-me"),
    path("me/annotations/", views.MyAnnotationsView.as_view(), name="api-my-annotations"),
    path("campaigns/", views.CampaignListView.as_view(), name="api-campaigns"),
    path("campaigns/<slug:slug>/", views.CampaignView.as_view(), name="api-campaign"),
    path("campaigns/<slug:slug>/claim/", views.ClaimView.as_view(), name="api-claim"),
    path("campaigns/<slug:slug>/classes/", class_views.ClassesView.as_view(), name="api-classes"),
    path("campaigns/<slug:slug>/pick/", views.PickView.as_view(), name="api-pick"),
    path("campaigns/<slug:slug>/tiles.geojson", views.CampaignTilesView.as_view(), name="api-campaign-tiles"),
    path("campaigns/<slug:slug>/reviews/next/", review_views.NextReviewView.as_view(), name="api-next-review"),
    path("campaigns/<slug:slug>/reviews/", review_views.BulkReviewView.as_view(), name="api-bulk-review"),
    path("campaigns/<slug:slug>/gold/", quality_views.GoldTilesView.as_view(), name="api-gold"),
    path("campaigns/<slug:slug>/reliability/", quality_views.ReliabilityView.as_view(), name="api-reliability"),
    path("campaigns/<slug:slug>/agreement/", quality_views.AgreementView.as_view(), name="api-agreement"),
    path(
        "campaigns/<slug:slug>/disagreement.png",
        quality_views.CampaignDisagreementView.as_view(),
        name="api-campaign-disagreement",
    ),
    path("gold/<int:gold_id>/retire/", quality_views.RetireGoldView.as_view(), name="api-retire-gold"),
    path("me/reliability/", quality_views.MyReliabilityView.as_view(), name="api-my-reliability"),
    path(
        "tiles/<int:tile_id>/disagreement.png",
        quality_views.TileDisagreementView.as_view(),
        name="api-tile-disagreement",
    ),
    path(
        "campaigns/<slug:slug>/reports.geojson", report_views.CampaignReportsView.as_view(), name="api-campaign-reports"
    ),
    path("reports/<slug:report_id>/", report_views.ReportView.as_view(), name="api-report"),
    path("tiles/<int:tile_id>/", views.TileView.as_view(), name="api-tile"),
    path("tiles/<int:tile_id>/pick/", views.TilePickView.as_view(), name="api-tile-pick"),
    path("tiles/<int:tile_id>/split/", views.TileSplitView.as_view(), name="api-tile-split"),
    path("tiles/<int:tile_id>/annotation/", views.AnnotationView.as_view(), name="api-annotation"),
    path("tiles/<int:tile_id>/annotation/submit/", views.SubmitView.as_view(), name="api-submit"),
    path("tiles/<int:tile_id>/annotation/geojson/", views.GeoJSONView.as_view(), name="api-geojson"),
    path("tiles/<int:tile_id>/segments/", studio_views.SegmentsView.as_view(), name="api-segments"),
    path("tiles/<int:tile_id>/other-vintages/", studio_views.OtherVintagesView.as_view(), name="api-other-vintages"),
    path("campaigns/<slug:slug>/change/", change_views.ChangeDeskView.as_view(), name="api-change"),
    path("campaigns/<slug:slug>/change/next/", change_views.NextChangeView.as_view(), name="api-next-change"),
    path(
        "campaigns/<slug:slug>/change/reviews/next/",
        change_views.NextChangeReviewView.as_view(),
        name="api-next-change-review",
    ),
    path("campaigns/<slug:slug>/patches.geojson", change_views.PatchesView.as_view(), name="api-patches"),
    path(
        "change-tickets/<int:ticket_id>/answers/", change_views.ChangeAnswersView.as_view(), name="api-change-answers"
    ),
    path(
        "change-cells/<int:cell_id>/take-back/", change_views.TakeBackChangeView.as_view(), name="api-take-back-change"
    ),
    path("change-cells/<int:cell_id>/review/", change_views.ChangeReviewView.as_view(), name="api-change-review"),
    path("annotations/<int:annotation_id>/reviews/", review_views.ReviewView.as_view(), name="api-review"),
    path("annotations/<int:annotation_id>/correction/", review_views.CorrectionView.as_view(), name="api-correction"),
    path(
        "annotations/<int:annotation_id>/second-opinion/",
        review_views.SecondOpinionView.as_view(),
        name="api-second-opinion",
    ),
    path("annotations/<int:annotation_id>/dispute/", review_views.DisputeView.as_view(), name="api-dispute"),
    path("leases/<uuid:token>/heartbeat/", views.HeartbeatView.as_view(), name="api-heartbeat"),
    path("leases/<uuid:token>/release/", views.ReleaseLeaseView.as_view(), name="api-release-lease"),
    path("jobs/<uuid:job_id>/", views.JobView.as_view(), name="api-job"),
    path("jobs/<uuid:job_id>/cancel/", views.CancelJobView.as_view(), name="api-job-cancel"),
    path("deleted-contributors/", people_views.DeletedContributorsView.as_view(), name="api-deleted-contributors"),
]
