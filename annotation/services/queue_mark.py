"""Bringing down the mark at which claims begin to look (docs/adr/0021)."""

from __future__ import annotations

from django.db.models.functions import Least

from annotation.models import Campaign, QueueMark


def lower_mark(campaign: Campaign, rank: int) -> None:
    """Claims begin at this rank or before: a ticket there was put in, or came back.

    Also where the mark seems to lie lower already: whoever is moving it at this moment has not seen that ticket open.
    """
    marks = QueueMark.objects.filter(campaign=campaign)
    if not marks.update(open_rank=Least("open_rank", rank)):
        QueueMark.objects.create(campaign=campaign, open_rank=rank)
