"""Routes of the machine's work, under /api/v1/."""

from django.urls import path

from learning.api import views

urlpatterns = [
    path("tiles/<int:tile_id>/draft/", views.DraftView.as_view(), name="api-draft"),
    path("campaigns/<slug:slug>/training-runs/", views.TrainingRunsView.as_view(), name="api-training-runs"),
    path("campaigns/<slug:slug>/rounds/", views.RoundsView.as_view(), name="api-rounds"),
    path("campaigns/<slug:slug>/models/", views.ModelsView.as_view(), name="api-models"),
]
