"""Words of the pages of territories: why something is not told, what would change that, what a criterion is."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

#: Why areas, or changes, are not assessed; each says what would change it.
NOT_ASSESSED = {
    "no_map": _("This campaign has no published map yet: there is nothing to measure."),
    "no_sample": _(
        "Nobody has checked this map at places drawn at random. Counting the pixels of a map also counts its errors, "
        "so no area is given as an estimate. It can be given once a maintainer draws a sample and people answer it."
    ),
    "sample_open": _(
        "Places were drawn at random and people are answering them now. The figures come once the sample is closed."
    ),
    "not_counted": _("The map has not been counted here yet: the figures come with the next count."),
    "few_places": _(
        "Too few of the places that people checked lie in this territory: an estimate would be chance alone. A larger "
        "sample, or one drawn for this territory, would change that. Figures of a larger territory may exist."
    ),
    "few_blocks": _(
        "Too few blocks of control tiles have been labelled for an estimate. More control tiles, or a sample of "
        "places, would change that."
    ),
    "holdout_unfinished": _("The control tiles are still being labelled. The figures come once all of them are."),
    "outside": _("The imagery of this campaign shows nothing of this territory."),
    "stratum_unanswered": _(
        "One part of the ground has no answer that counts, so the whole cannot be told. More answers would change that."
    ),
    "classes_changed": _(
        "Part of a class went to another one since people answered, and nobody can say of the ground they saw which "
        "part it was. A new sample, answered in the classes of today, would change that."
    ),
    "thresholds": _(
        "A sample of places cannot tell what the thresholds of the decree changed: they depend on what lies around."
    ),
    "licence": _(
        "An answer was given under a licence that this release may not carry, so neither figures nor places are in it."
    ),
    "no_pair": _(
        "Only one date is mapped here, or the two dates have not been paired. A maintainer pairs two vintages, draws a "
        "sample of places, and people say what they see at both dates."
    ),
}
#: Why a release holds no polygons of artificialised ground.
NO_GROUND_RELEASED = {
    "licence": _(
        "Its polygons are not in this release: the source of usage %(about)s is not under a licence that it may carry."
    ),
    "not_computed": _("Its polygons are not in this release: they had not been computed when it was begun."),
    "made_again": _("Its polygons are not in this release: they were being computed when it was begun."),
}
NO_ARTIFICIALISATION = {
    "no_map": NOT_ASSESSED["no_map"],
    "not_computed": _(
        "The artificialised ground of this map has not been computed. An operator computes it with manage.py "
        "artificialise."
    ),
    "territory_unknown": _(
        "This territory was not counted when the artificialised ground was computed. Computing it again changes that."
    ),
}
ESTIMATORS = {
    "olofsson2014": _("places drawn at random within each class of this map (Olofsson et al. 2014)"),
    "stehman2014": _("places drawn at random within the classes of an earlier map (Stehman 2014)"),
    "blocks": _("whole blocks of control tiles, drawn at random before the campaign began"),
}
