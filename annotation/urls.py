"""Imagery tiles and the pages of people's work."""

from django.urls import path, re_path

from annotation import (
    account_views,
    map_views,
    outcome_views,
    people_views,
    quality_pages,
    queue_views,
    submission_views,
    team_views,
    views,
)

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
    path("me/account/", account_views.AccountView.as_view(), name="my-account"),
    path("me/tokens/", account_views.TokensView.as_view(), name="my-tokens"),
    path("me/tokens/<int:token_id>/revoke/", account_views.revoke_my_token, name="revoke-token"),
    path("me/export/", account_views.export_my_data, name="export-my-data"),
    path("me/export/<uuid:job_id>/", account_views.download_my_data, name="download-my-data"),
    path("me/delete/", account_views.delete_my_account, name="delete-my-account"),
    path("campaigns/<slug:slug>/people/", people_views.PeopleView.as_view(), name="campaign-people"),
    path("campaigns/<slug:slug>/people/<int:user_id>/role/", people_views.change_role, name="change-role"),
    path("campaigns/<slug:slug>/people/<int:user_id>/remove/", people_views.take_role_away, name="take-role-away"),
    path("campaigns/<slug:slug>/teams/", people_views.give_team_role, name="give-team-role"),
    path(
        "campaigns/<slug:slug>/teams/<int:team_id>/remove/",
        people_views.take_team_role_away,
        name="take-team-role-away",
    ),
    path(
        "campaigns/<slug:slug>/invitations/<int:invitation_id>/withdraw/",
        people_views.withdraw,
        name="withdraw-campaign-invitation",
    ),
    path("teams/", team_views.TeamsView.as_view(), name="teams"),
    path("teams/<int:team_id>/", team_views.TeamView.as_view(), name="team"),
    path("teams/<int:team_id>/members/<int:user_id>/remove/", team_views.remove_member, name="remove-member"),
    path("teams/<int:team_id>/members/<int:user_id>/manage/", team_views.make_manager, name="make-manager"),
    path(
        "teams/<int:team_id>/invitations/<int:invitation_id>/withdraw/",
        team_views.withdraw,
        name="withdraw-team-invitation",
    ),
    path("invitations/<str:secret>/", team_views.invitation, name="invitation"),
]
