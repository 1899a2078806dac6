"""Routes of the machine's work, under /api/v1/."""

from django.urls import path

from learning.api import (
    area_views,
    change_views,
    class_views,
    import_views,
    map_views,
    pair_views,
    report_views,
    retraining_views,
    sample_plan_views,
    sample_views,
    territory_views,
    validation_views,
    views,
)

urlpatterns = [
    path("changes/", change_views.ChangesView.as_view(), name="api-changes"),
    path("tiles/<int:tile_id>/draft/", views.DraftView.as_view(), name="api-draft"),
    path("tiles/<int:tile_id>/doubt/", views.DoubtView.as_view(), name="api-doubt"),
    path("campaigns/<slug:slug>/validate/", validation_views.NextToJudgeView.as_view(), name="api-validate"),
    path("tiles/<int:tile_id>/validations/", validation_views.VerdictsView.as_view(), name="api-validations"),
    path("samples/<int:sample_id>/", sample_views.SampleView.as_view(), name="api-sample"),
    path("samples/<int:sample_id>/places/", area_views.SamplePlacesView.as_view(), name="api-sample-places"),
    path("campaigns/<slug:slug>/sample-plan/", sample_plan_views.SamplePlanView.as_view(), name="api-sample-plan"),
    path("campaigns/<slug:slug>/areas/", area_views.AreasView.as_view(), name="api-areas"),
    path("samples/<int:sample_id>/next/", sample_views.NextUnitsView.as_view(), name="api-sample-next"),
    path(
        "samples/<int:sample_id>/units/<int:unit_id>/answers/",
        sample_views.SampleAnswersView.as_view(),
        name="api-sample-answers",
    ),
    path(
        "samples/<int:sample_id>/units/<int:unit_id>/settled/",
        sample_views.SettledView.as_view(),
        name="api-sample-settled",
    ),
    path("pairs/", pair_views.PairsView.as_view(), name="api-pairs"),
    path("pairs/<int:pair_id>/", pair_views.PairView.as_view(), name="api-pair"),
    path("pairs/<int:pair_id>/measure/", pair_views.MeasurePairView.as_view(), name="api-pair-measure"),
    path("territories/", territory_views.TerritoriesView.as_view(), name="api-territories"),
    path(
        "territories/<slug:kind>/<slug:code>/figures/",
        territory_views.TerritoryFiguresView.as_view(),
        name="api-territory-figures",
    ),
    path("campaigns/<slug:slug>/reports/", report_views.ReportsView.as_view(), name="api-reports"),
    path("campaigns/<slug:slug>/training-runs/", views.TrainingRunsView.as_view(), name="api-training-runs"),
    path("campaigns/<slug:slug>/map/", map_views.MapView.as_view(), name="api-map"),
    path("campaigns/<slug:slug>/rounds/", views.RoundsView.as_view(), name="api-rounds"),
    path("campaigns/<slug:slug>/models/import/", import_views.ImportModelView.as_view(), name="api-import-model"),
    path("campaigns/<slug:slug>/models/", views.ModelsView.as_view(), name="api-models"),
    path("campaigns/<slug:slug>/models/<int:number>/", views.ModelView.as_view(), name="api-model"),
    path("campaigns/<slug:slug>/class-changes/", class_views.ClassChangesView.as_view(), name="api-class-changes"),
    path(
        "campaigns/<slug:slug>/class-changes/<int:number>/",
        class_views.ClassChangeView.as_view(),
        name="api-class-change",
    ),
    path(
        "campaigns/<slug:slug>/class-changes/<int:number>/reverse/",
        class_views.ReverseChangeView.as_view(),
        name="api-reverse-classes",
    ),
    path("campaigns/<slug:slug>/retraining/", retraining_views.RetrainingView.as_view(), name="api-retraining"),
    path("campaigns/<slug:slug>/retraining/go-on/", retraining_views.GoOnView.as_view(), name="api-go-on"),
    path(
        "campaigns/<slug:slug>/models/<int:number>/publish/",
        retraining_views.PublishModelView.as_view(),
        name="api-publish-model",
    ),
    path(
        "campaigns/<slug:slug>/models/<int:number>/restore/",
        retraining_views.RestoreModelView.as_view(),
        name="api-restore-model",
    ),
    path(
        "campaigns/<slug:slug>/models/<int:number>/judge/",
        retraining_views.JudgeModelView.as_view(),
        name="api-judge-model",
    ),
]
