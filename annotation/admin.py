"""Django's admin, for looking things up; work goes through the services."""

from django.contrib import admin

from annotation.models import (
    AuditEntry,
    Campaign,
    Contributor,
    GoldTile,
    ImageryLayer,
    Job,
    Membership,
    Nomenclature,
    PlaceReport,
    SourceFile,
    Stewardship,
    TeamRole,
    Territory,
)


@admin.register(ImageryLayer)
class ImageryLayerAdmin(admin.ModelAdmin):
    """Imagery layers."""

    list_display = ["slug", "title", "vintage", "version", "width", "height", "gsd_m", "licence"]
    readonly_fields = [
        "crs", "transform", "width", "height", "gsd_m", "bands", "dtype", "files", "folder", "stretch", "version",
        "earlier_folder", "dated_by_ground",
    ]  # fmt: skip


@admin.register(Campaign)
class CampaignAdmin(admin.ModelAdmin):
    """Campaigns."""

    list_display = ["slug", "title", "state", "layer", "nomenclature", "redundancy", "review_policy"]
    readonly_fields = ["layer", "nomenclature", "tile_px", "n_rows", "n_cols", "n_usable", "seed"]


class LookedUpOnly(admin.ModelAdmin):
    """Rows that only services write."""

    def has_add_permission(self, request: object) -> bool:
        """Nothing is made by hand."""
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        """Nothing is changed by hand."""
        return False

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        """Nothing is removed by hand."""
        return False


@admin.register(SourceFile)
class SourceFileAdmin(LookedUpOnly):
    """Files that layers were made of."""

    list_display = ["layer", "number", "name", "acquired_on", "state", "shown_px", "layer_version"]
    list_filter = ["layer", "state"]


@admin.register(Membership)
class MembershipAdmin(LookedUpOnly):
    """Roles: given on the campaign's page of people or by set_role, which write the audit log."""

    list_display = ["campaign", "user", "role"]
    list_filter = ["role", "campaign"]


@admin.register(TeamRole)
class TeamRoleAdmin(LookedUpOnly):
    """Roles of teams."""

    list_display = ["campaign", "team", "role"]
    list_filter = ["role", "campaign"]


@admin.register(AuditEntry)
class AuditEntryAdmin(LookedUpOnly):
    """The audit log."""

    list_display = ["at", "action", "actor_id", "subject_id", "campaign_id", "team_id", "before", "after", "request_id"]
    list_filter = ["action"]


@admin.register(Job)
class JobAdmin(admin.ModelAdmin):
    """Jobs, read-only."""

    list_display = ["id", "kind", "state", "progress", "worker", "created_at", "finished_at"]
    list_filter = ["state", "kind"]

    def has_add_permission(self, request: object) -> bool:
        """Jobs are queued by what needs them."""
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        """A job's row belongs to its worker."""
        return False


@admin.register(GoldTile)
class GoldTileAdmin(admin.ModelAdmin):
    """Gold tiles, read-only: marking and retiring is on the campaign's page of quality."""

    list_display = ["id", "tile", "marked_by", "marked_at", "retired_at", "faulty"]
    list_filter = ["tile__campaign", "faulty"]

    def has_add_permission(self, request: object) -> bool:
        """A service marks gold tiles: it has more to see to."""
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        """What is gold stays as it was marked."""
        return False

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        """Without its row a gold tile could train a model."""
        return False


@admin.register(Contributor)
class ContributorAdmin(admin.ModelAdmin):
    """People's public faces: the id stands in published data, and the agreement is the person's own to give."""

    list_display = ["public_id", "user", "language", "licence_accepted_at"]
    readonly_fields = ["public_id", "licence_accepted_at"]


@admin.register(Territory)
class TerritoryAdmin(admin.ModelAdmin):
    """Territories; their boundaries come from files."""

    list_display = ["kind", "code", "name", "source", "as_of"]
    list_filter = ["kind"]
    search_fields = ["code", "name"]
    exclude = ["boundary"]
    readonly_fields = ["kind", "code", "source", "as_of"]

    def has_add_permission(self, request: object) -> bool:
        """A territory without its boundary is nowhere: manage.py import_territories."""
        return False


@admin.register(Stewardship)
class StewardshipAdmin(admin.ModelAdmin):
    """Who looks after which territory."""

    list_display = ["territory", "user", "given_at"]
    autocomplete_fields = ["territory", "user"]


@admin.register(PlaceReport)
class PlaceReportAdmin(admin.ModelAdmin):
    """Reports, read-only: they are handled at the steward's desk, where each step is written down."""

    list_display = ["public_id", "campaign", "state", "answer", "created_at"]
    list_filter = ["state", "answer", "campaign"]
    exclude = ["place", "marker"]

    def has_add_permission(self, request: object) -> bool:
        """Reports are made on the map."""
        return False

    def has_change_permission(self, request: object, obj: object = None) -> bool:
        """A change would leave no trace in the history."""
        return False

    def has_delete_permission(self, request: object, obj: object = None) -> bool:
        """Histories are kept."""
        return False


admin.site.register(Nomenclature)
