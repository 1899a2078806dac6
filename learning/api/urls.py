"""Routes of the machine's work, under /api/v1/."""

from django.urls import path

from learning.api import report_views, validation_views, views

urlpatterns = [
    path("tiles/<int:tile_id>/draft/", views.DraftView.as_view(), name="api-draft"),
    path("tiles/<int:tile_id>/doubt/", views.DoubtView.as_view(), name="api-doubt"),
    path("campaigns/<slug:slug>/validate/", validation_views.NextToJudgeView.as_view(), name="api-validate"),
    path("tiles/<int:tile_id>/validations/", validation_views.VerdictsView.as_view(), name="api-validations"),
    path("campaigns/<slug:slug>/reports/", report_views.ReportsView.as_view(), name="api-reports"),
    path("campaigns/<slug:slug>/training-runs/", views.TrainingRunsView.as_view(), name="api-training-runs"),
    path("campaigns/<slug:slug>/rounds/", views.RoundsView.as_view(), name="api-rounds"),
    path("campaigns/<slug:slug>/models/", views.ModelsView.as_view(), name="api-models"),
]
