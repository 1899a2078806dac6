"""What tests leave is taken away whole, and the database refuses afterwards what it refused before."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import DatabaseError, connection
from emptied_tables import KEPT, empty_tables
from learning_rows import labelled_campaign

from annotation.models import AnnotationRevision, Review, Tile


def filled() -> dict[str, int]:
    """Rows of each table that has some, but for those that stay."""
    counted = {}
    with connection.cursor() as cursor:
        for name in connection.introspection.django_table_names(only_existing=True, include_views=False):
            cursor.execute(f'SELECT count(*) FROM "{name}"')  # noqa: S608 the name of a table
            counted[name] = cursor.fetchone()[0]
    return {name: n for name, n in counted.items() if n and name not in {model._meta.db_table for model in KEPT}}


@pytest.mark.django_db(transaction=True)
def test_every_table_is_empty_and_its_triggers_refuse_again() -> None:
    labelled_campaign(pool=2)
    assert {Tile._meta.db_table, AnnotationRevision._meta.db_table, "auth_user"} <= set(filled())
    empty_tables()
    assert filled() == {}
    labelled_campaign(pool=2)
    with pytest.raises(DatabaseError, match="append_only"):
        Review.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_permissions_stay_and_come_back_where_they_were_lost() -> None:
    before = set(Permission.objects.values_list("content_type__model", "codename"))
    empty_tables()
    assert set(Permission.objects.values_list("content_type__model", "codename")) == before
    ContentType.objects.all().delete()
    ContentType.objects.clear_cache()
    empty_tables()
    assert set(Permission.objects.values_list("content_type__model", "codename")) == before
