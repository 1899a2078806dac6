"""Imagery tiles and the pages of people's work."""

from django.urls import path, re_path

from annotation import map_views, outcome_views, quality_pages, queue_views, submission_views, views

urlpatterns = [
    re_path(
        r"^imagery/(?P<slug>[-\w]+)/(?P<grid>native|web)/(?P<z>\d{1,2})/(?P<x>\d{1,8})/(?P<y>\d{1,8})\.jpg$",
        lambda request, slug, grid, z, x, y: map_views.imagery_tile(request, slug, grid, int(z), int(x), int(y)),
        name="imagery-tile",
    ),
    path("", views.HomeView.as_view(), name="home"),
    path("campaigns/", views.CampaignListView.as_view(), name="campaigns"),
    path("campaigns/<slug:slug>/", views.CampaignView.as_view(), name="campaign"),
    path("campaigns/<slug:slug>/studio/", views.StudioView.as_view(), name="studio"),
    path("campaigns/<slug:slug>/validate/", views.ValidateView.as_view(), name="validate"),
    path("campaigns/<slug:slug>/review/", views.ReviewView.as_view(), name="review"),
    path("campaigns/<slug:slug>/correct/<int:annotation_id>/", views.CorrectView.as_view(), name="correct"),
    path("campaigns/<slug:slug>/submissions/", submission_views.SubmissionsView.as_view(), name="submissions"),
    path("campaigns/<slug:slug>/queue/", queue_views.QueueAuditView.as_view(), name="queue-audit"),
    path("campaigns/<slug:slug>/queue.csv", queue_views.queue_audit_csv, name="queue-audit-csv"),
    path("campaigns/<slug:slug>/quality/", quality_pages.QualityView.as_view(), name="quality"),
    path("practice/", views.PracticeView.as_view(), name="practice"),
    path("me/", views.MyWorkView.as_view(), name="my-work"),
    path("me/work/<int:annotation_id>/", outcome_views.OutcomeView.as_view(), name="outcome"),
    path("me/licence/", views.accept_licence, name="accept-licence"),
]
