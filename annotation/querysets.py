"""The questions one may ask. Whatever a person may not see is not in the answer (404, never 403)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.contrib.postgres.aggregates import ArrayAgg
from django.db import models
from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import Coalesce, Now

if TYPE_CHECKING:
    from django.contrib.auth.models import User
    from django.contrib.gis.geos import Polygon

    from annotation.models import (  # noqa: F401
        Annotation,
        ApiToken,
        Campaign,
        ChangeAnswer,
        ChangeReview,
        GoldOutcome,
        ImageryLayer,
        Invitation,
        Job,
        MosaicPiece,
        Patch,
        PlaceReport,
        RevertItem,
        SourceFile,
        Team,
        Territory,
        Ticket,
        TrustAlarm,
        Validation,
        ValidationBatch,
    )

    Person = User | AnonymousUser


class ImageryLayerQuerySet(models.QuerySet["ImageryLayer"]):
    """Imagery layers are public: what is shown on the map may be seen by anyone."""


class SourceFileQuerySet(models.QuerySet["SourceFile"]):
    """The files that layers were made of."""

    def seen_at(self, footprint: Polygon) -> SourceFileQuerySet:
        """Dated files over a place in degrees of which something is shown."""
        return self.filter(state="shown", acquired_on__isnull=False, footprint__intersects=footprint)


class MosaicPieceQuerySet(models.QuerySet["MosaicPiece"]):
    """Pieces of mosaic graphs."""

    def at(self, footprint: Polygon) -> MosaicPieceQuerySet:
        """Pieces over a place in degrees."""
        return self.filter(footprint__intersects=footprint)


class TicketQuerySet(models.QuerySet["Ticket"]):
    """Tickets say where labels are wanted, to whoever may have them."""

    def left_for(self, annotator: User | int) -> TicketQuerySet:
        """Those of tiles that this person may still be given: neither handed in nor held, skipped or called unreadable.

        A tile one left is one's own to take again.
        """
        lease, annotation = apps.get_model("annotation", "Lease"), apps.get_model("annotation", "Annotation")
        on_it = {"tile": OuterRef("tile"), "annotator": annotator}
        had = lease.objects.filter(**on_it, purpose="draw").exclude(state="released", release_reason="left")
        handed_in = annotation.objects.filter(**on_it).exclude(state="draft", submitted_at__isnull=True)
        return self.exclude(Exists(had)).exclude(Exists(handed_in))


class CampaignQuerySet(models.QuerySet["Campaign"]):
    """Campaigns are public to read; what a person may do is `role_of`."""

    def open(self) -> CampaignQuerySet:
        """Campaigns that take contributions."""
        return self.filter(state="open")

    def with_role(self, user: Person, *roles: str) -> CampaignQuerySet:
        """Campaigns where this person has one of these roles, their own or a team's: the one rule of who may what."""
        if user.is_anonymous:
            return self.none()
        if user.is_superuser:
            return self
        held = apps.get_model("annotation", "Membership").objects.filter(user=user, role__in=roles)
        by_team = apps.get_model("annotation", "TeamRole").objects.filter(team__memberships__user=user, role__in=roles)
        return self.filter(Q(pk__in=held.values("campaign")) | Q(pk__in=by_team.values("campaign")))

    def maintained_by(self, user: Person) -> CampaignQuerySet:
        """Campaigns where this person may start training, publish and change settings."""
        return self.with_role(user, "maintainer")

    def reviewed_by(self, user: Person) -> CampaignQuerySet:
        """Campaigns where this person may review."""
        return self.with_role(user, "reviewer", "maintainer")


class AnnotationQuerySet(models.QuerySet["Annotation"]):
    """Annotations."""

    def of(self, user: Any) -> AnnotationQuerySet:
        """This person's own."""
        return self.filter(annotator=user)

    def readable_by(self, user: Person) -> AnnotationQuerySet:
        """One's own, and those of the campaigns one reviews. Others' drafts stay theirs."""
        if user.is_anonymous:
            return self.none()
        if user.is_superuser:
            return self
        campaigns = apps.get_model("annotation", "Campaign").objects.reviewed_by(user)
        reviewed = Q(tile__campaign__in=campaigns.order_by().values("pk")) & ~Q(state__in=["draft", "split"])
        return self.filter(Q(annotator=user) | reviewed)

    def to_review_by(self, user: Person) -> AnnotationQuerySet:
        """Submissions waiting for a verdict this person may give: never their own."""
        return self.readable_by(user).filter(state="submitted").exclude(annotator=user.pk)

    def handed_in(self) -> AnnotationQuerySet:
        """Submitted or accepted labels of people who held the tile."""
        return self.filter(state__in=["submitted", "accepted"], head__isnull=False, is_extra=False)

    def of_whole_tiles(self) -> AnnotationQuerySet:
        """But for those whose author was asked for parts of the tile only."""
        return self.exclude(_asked_for_parts())

    def of_parts(self) -> AnnotationQuerySet:
        """Those whose author was asked for parts of the tile only."""
        return self.filter(_asked_for_parts())

    def usable_as_labels(self) -> AnnotationQuerySet:
        """Accepted annotations of people who held the tile, but for those that an accepted correction stands in for;
        extra contributions are kept but do not count, and what was set aside is not accepted any more.

        Tiles that are gold, or were, are left out: what is shown, learnt or published would give the answers away.
        """
        counted = self.filter(state="accepted", head__isnull=False, is_extra=False, tile__golds__isnull=True)
        return counted.exclude(superseded_by__state="accepted")

    def shown_on_maps(self) -> AnnotationQuerySet:
        """Labels that anyone may see on a map: usable and given under a licence, of pool tiles that wait for nobody; of
        those that several people labelled the last accepted.

        Control tiles stay hidden when the campaign is closed as well: the next model is judged on them.
        """
        counted = self.usable_as_labels().filter(tile__role="pool", tile__state="accepted").exclude(head__licence="")
        return counted.order_by("tile_id", "-decided_at", "-pk").distinct("tile_id")


def _asked_for_parts() -> Exists:
    leases = apps.get_model("annotation", "Lease").objects.filter(
        tile=OuterRef("tile"), annotator=OuterRef("annotator"), purpose="draw"
    )
    return Exists(leases.exclude(asked=[]))


class OfRevisionQuerySet(models.QuerySet[Any]):
    """What was said of revisions. It holds for the same work in other classes too (docs/adr/0056)."""

    def of_same_work(self, revision: Any) -> OfRevisionQuerySet:
        """Of this revision, or of the one it stands for, or of another that stands for that."""
        drawn = revision.stands_for_id or revision.pk
        return self.filter(Q(revision=drawn) | Q(revision__stands_for=drawn))

    def of_heads(self) -> OfRevisionQuerySet:
        """Of the head, in that sense, of the annotation that a query around this one is about."""
        said = self.filter(annotation=OuterRef("pk")).annotate(drawn=Coalesce("revision__stands_for", "revision"))
        return said.filter(drawn=Coalesce(OuterRef("head__stands_for"), OuterRef("head")))


class GoldOutcomeQuerySet(models.QuerySet["GoldOutcome"]):
    """What people handed in on gold tiles."""

    def that_count(self) -> GoldOutcomeQuerySet:
        """A person's first answer on each gold tile, by tile; not on tiles whose labels turned out to be wrong.

        What they hand in after a review sent it back says how they correct, not how they label.
        """
        return (
            self.filter(gold__faulty=False)
            .exclude(revision__annotation__state="reverted")
            .order_by("annotator_id", "gold_id", "pk")
            .distinct("annotator_id", "gold_id")
        )


class RevertItemQuerySet(models.QuerySet["RevertItem"]):
    """What reverts set aside."""

    def active(self) -> RevertItemQuerySet:
        """What counts for nothing now: its revert was not undone."""
        return self.filter(revert__undone_at__isnull=True)


class TrustAlarmQuerySet(models.QuerySet["TrustAlarm"]):
    """Alarms."""

    def visible_to(self, user: Person) -> TrustAlarmQuerySet:
        """Those of the campaigns one maintains, never one's own."""
        if user.is_anonymous:
            return self.none()
        others = self.exclude(subject=user.pk)
        if user.is_superuser:
            return others
        campaigns = apps.get_model("annotation", "Campaign").objects.maintained_by(user)
        return others.filter(campaign__in=campaigns.order_by().values("pk"))

    def open(self) -> TrustAlarmQuerySet:
        """Those nobody has decided."""
        return self.filter(resolved_at__isnull=True)


def _set_aside(**of: Any) -> Exists:
    from annotation.models import RevertItem

    return Exists(RevertItem.objects.active().filter(**of))


class ValidationBatchQuerySet(models.QuerySet["ValidationBatch"]):
    """Writes of verdicts."""

    def counting(self) -> ValidationBatchQuerySet:
        """Those that no revert has set aside."""
        return self.exclude(_set_aside(batch=OuterRef("pk")))


class ValidationQuerySet(models.QuerySet["Validation"]):
    """Verdicts on a model's polygons."""

    def counting(self) -> ValidationQuerySet:
        """Those that no revert has set aside: before one's last that was, the one before it is one's word again."""
        return self.exclude(_set_aside(batch=OuterRef("batch")))

    def of(self, user: Any) -> ValidationQuerySet:
        """This person's own."""
        return self.filter(annotator=user)

    def current(self) -> ValidationQuerySet:
        """Of several verdicts by one person on one polygon, the last; by tile, person, model and polygon."""
        one = ["tile_id", "annotator_id", "model_version", "feature_id"]
        return self.order_by(*one, "-pk").distinct(*one)


class ChangeAnswerQuerySet(models.QuerySet["ChangeAnswer"]):
    """What people say of ground at two dates."""

    def standing(self) -> ChangeAnswerQuerySet:
        """Those that their person has not taken back."""
        return self.filter(taken_back_at__isnull=True)

    def counting(self) -> ChangeAnswerQuerySet:
        """Those that stand, that the cell asked for, and that no revert has set aside."""
        return self.standing().filter(is_extra=False).exclude(_set_aside(change_answer=OuterRef("pk")))


class ChangeReviewQuerySet(models.QuerySet["ChangeReview"]):
    """Maintainers' words on cells."""

    def counting(self) -> ChangeReviewQuerySet:
        """Those of people who are not blocked; of several on one cell the last is the one that holds."""
        return self.filter(reviewer__contributor__blocked_at__isnull=True)


class PatchQuerySet(models.QuerySet["Patch"]):
    """Corrections of older vintages: public."""

    def standing(self) -> PatchQuerySet:
        """Those that still hold: what the next release carries."""
        return self.filter(withdrawn_at__isnull=True)

    def with_releases(self) -> PatchQuerySet:
        """Each with `released_in`: names of the published releases that hold it, the first one first."""
        published = Q(releases__release__state="published")
        return self.annotate(
            released_in=ArrayAgg(
                "releases__release__folder", filter=published, order_by="releases__release__published_at",
                default=Value([]),
            )
        )  # fmt: skip


class JobQuerySet(models.QuerySet["Job"]):
    """Long work."""

    def visible_to(self, user: Person) -> JobQuerySet:
        """One's own jobs, and those of the campaigns one maintains."""
        if user.is_anonymous:
            return self.none()
        if user.is_superuser:
            return self
        campaigns = apps.get_model("annotation", "Campaign").objects.maintained_by(user)
        return self.filter(Q(owner=user) | Q(campaign__in=campaigns.order_by().values("pk")))


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    """Tokens of people's scripts."""

    def of(self, user: Any) -> ApiTokenQuerySet:
        """This person's own."""
        return self.filter(user=user)

    def usable(self) -> ApiTokenQuerySet:
        """Tokens that let a script in now: neither revoked nor lapsed, of an account that may sign in."""
        return self.filter(revoked_at__isnull=True, expires_at__gt=Now(), user__is_active=True)


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Invitations to campaigns and teams."""

    def open(self) -> InvitationQuerySet:
        """Invitations that can still be used."""
        return self.filter(accepted_at__isnull=True, revoked_at__isnull=True, expires_at__gt=Now())


class TeamQuerySet(models.QuerySet["Team"]):
    """Teams: who is in one is for its members and for the operator to see."""

    def managed_by(self, user: Person) -> TeamQuerySet:
        """Teams whose members this person may choose."""
        if user.is_anonymous:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(memberships__user=user, memberships__manages=True)

    def readable_by(self, user: Person) -> TeamQuerySet:
        """Teams whose members this person may see: those they are in."""
        if user.is_anonymous:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(memberships__user=user)


class TerritoryQuerySet(models.QuerySet["Territory"]):
    """Territories are public; who answers for one is `stewarded_by`."""

    def stewarded_by(self, user: Person) -> TerritoryQuerySet:
        """Territories that this person looks after."""
        if user.is_anonymous:
            return self.none()
        return self.filter(stewardships__user=user)


class PlaceReportQuerySet(models.QuerySet["PlaceReport"]):
    """Reports are public to read, without who made them; who may handle one is `handled_by`."""

    def waiting(self) -> PlaceReportQuerySet:
        """Reports without an answer yet."""
        return self.filter(state__in=["new", "assigned", "drawing"])

    def corrected(self) -> PlaceReportQuerySet:
        """Reports whose correction no release contains yet."""
        return self.filter(state="answered", answer="fixed")

    def handled_by(self, user: Person) -> PlaceReportQuerySet:
        """Reports that this person may assign and answer: on the territories they look after, in the campaigns they
        maintain, and on the control tiles of those they review.
        """
        if user.is_anonymous:
            return self.none()
        if user.is_superuser:
            return self
        from annotation.models import Campaign, Territory

        mine = Territory.objects.stewarded_by(user).filter(boundary__intersects=OuterRef("place"))
        return self.filter(
            Exists(mine)
            | Q(campaign__in=Campaign.objects.maintained_by(user).values("pk"))
            | ~Q(tile__role="pool") & Q(campaign__in=Campaign.objects.reviewed_by(user).values("pk"))
        )
