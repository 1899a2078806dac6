"""What staff may change in the admin about a person: not what stands in published data, not their consent."""

from __future__ import annotations

import scenes
from django.test import Client
from django.urls import reverse

from annotation.models import Contributor


def test_a_contributors_public_id_and_consent_are_shown_and_cannot_be_changed(db: None) -> None:
    ana = Contributor.objects.get(user=scenes.person("ana"))
    client = Client()
    client.force_login(scenes.person("root", is_staff=True, is_superuser=True))
    url = reverse("admin:annotation_contributor_change", args=[ana.pk])
    page = client.get(url).content.decode()
    assert ana.public_id in page
    assert 'name="licence_accepted_at' not in page and 'name="public_id' not in page
    answer = client.post(
        url,
        {
            "user": ana.user_id,
            "language": "fr",
            "public_id": "c-forged",
            "licence_accepted_at_0": "",
            "licence_accepted_at_1": "",
        },
    )
    assert answer.status_code == 302
    after = Contributor.objects.get(pk=ana.pk)
    assert after.language == "fr"
    assert (after.public_id, after.licence_accepted_at) == (ana.public_id, ana.licence_accepted_at)
    assert after.licence_accepted_at is not None
