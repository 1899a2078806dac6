"""Imagery tiles and the pages of people's work."""

from django.urls import path, re_path

from annotation import map_views, report_feeds, report_views, steward_views, views

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
    path("campaigns/<slug:slug>/reports/", report_views.CampaignReportsView.as_view(), name="campaign-reports"),
    path("reports/<slug:report_id>/", report_views.ReportView.as_view(), name="report"),
    path("reports/<slug:report_id>/feed/", report_feeds.ReportFeed(), name="report-feed"),
    path("reports/<slug:report_id>/stop/<uuid:token>/", report_views.stop_report_mail, name="report-stop"),
    path("territories/<slug:kind>/<slug:code>/feed/", report_feeds.TerritoryFeed(), name="territory-feed"),
    path("steward/", steward_views.DeskView.as_view(), name="steward"),
    path("steward/reports/<slug:report_id>/", steward_views.DeskReportView.as_view(), name="steward-report"),
    path(
        "steward/coverage/<slug:kind>/<slug:code>/<slug:slug>/",
        steward_views.CoverageView.as_view(),
        name="steward-coverage",
    ),
    path("practice/", views.PracticeView.as_view(), name="practice"),
    path("me/", views.MyWorkView.as_view(), name="my-work"),
    path("me/licence/", views.accept_licence, name="accept-licence"),
]
