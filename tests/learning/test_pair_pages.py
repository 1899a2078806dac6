"""The pages and the API of pairs of vintages: shift, disagreement, what may be done, and by whom."""

from __future__ import annotations

import re
import shutil
from html import unescape
from typing import Any

import pytest
import rasterio
from django.test import Client
from django.utils import timezone
from learning_rows import signed_in
from rest_framework.test import APIClient
from sample_rows import BUILT, GRASS, two_vintages
from scenes import person

from annotation.jobs.registry import run_job
from annotation.models import Campaign, ChangeRound, Job, VintagePair
from annotation.services.pairs import layers_as_they_are
from annotation.services.people import set_role
from learning.models import MapComparison, Prediction
from learning.services.map_comparison import current_comparison, want_comparisons

pytestmark = pytest.mark.django_db


def shown_vintages() -> VintagePair:
    """A pair whose maps have the copies that people see: they differ in the eastern half, 512 × 1,024 px of 0.2 m."""
    pair: VintagePair = two_vintages()
    for one in Prediction.objects.all():
        for name in ("class", "entropy"):
            shutil.copy(one.path(f"{name}.tif"), one.path(f"{name}_public.tif"))
    return pair


def measured(pair: VintagePair, *, east: float = 0.12, south: float = -0.05) -> VintagePair:
    left, _bottom, _right, top = pair.first.pixel_grid.bounds_crs
    VintagePair.objects.filter(pk=pair.pk).update(
        shift_east_m=east, shift_south_m=south, shift_spread_m=0.07, windows_measured=3, windows_looked_at=16,
        measured_at=timezone.now(), measured_from=layers_as_they_are(pair),
        windows=[[left + 30 * n, top - 30 * n, east, south] for n in (1, 2, 3)],
    )  # fmt: skip
    return VintagePair.objects.get(pk=pair.pk)


def compared(pair: VintagePair) -> MapComparison:
    assert want_comparisons() == 1
    assert run_job(str(Job.objects.get(kind="compare_maps", state="queued").pk))
    found = current_comparison(pair)
    assert found is not None
    return found


def text_of(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    body = re.sub(r"<script.*?</script>", " ", answer.content.decode(), flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split()).replace("\xa0", " ")


def maintainer_of(pair: VintagePair) -> Any:
    who = person("keeper")
    set_role(campaign=Campaign.objects.get(layer=pair.second), user=who, role="maintainer")
    return who


def test_a_pair_is_told_with_its_shift_and_where_the_maps_disagree_which_is_no_change(client: Client) -> None:
    pair = measured(shown_vintages())
    compared(pair)
    page = text_of(client, f"/pairs/{pair.pk}/")
    assert "From 2019 to 2022" in page and "0.13 m , give or take 0.07 m" in page and "less than a pixel" in page
    assert "This is disagreement of two maps, not change of the ground." in page
    # 512 × 1,024 pixels of 0.04 m² are 2.097 ha, of 4.194 ha
    assert "Another class on 2.10 ha of the 4.19 ha" in page and "50.0 %" in page and "524,288" in page
    assert "another model drew each map" in page
    assert "Measure again" not in page, "not for visitors"
    assert "0.13 m, give or take 0.07 m" in text_of(client, "/pairs/")


def test_the_page_is_in_french_too() -> None:
    pair = measured(shown_vintages())
    compared(pair)
    page = text_of(signed_in(person("reader"), "fr"), f"/pairs/{pair.pk}/")
    assert "De 2019 à 2022" in page and "0,13 m" in page and "pas un changement du terrain" in page


def test_a_shift_of_other_pixels_is_never_shown_and_says_so(client: Client) -> None:
    pair = measured(shown_vintages(), east=3.0)
    assert "more than a pixel" in text_of(client, f"/pairs/{pair.pk}/")
    VintagePair.objects.filter(pk=pair.pk).update(measured_from=["other", "pixels"])
    page = text_of(client, f"/pairs/{pair.pk}/")
    assert "3.00" not in page and "an image was replaced since" in page
    told = APIClient().get(f"/api/v1/pairs/{pair.pk}/").json()["shift"]
    assert told["state"] == "stale" and told["distance_m"] is None and told["places"] == []
    assert "an image was replaced since" in text_of(client, "/pairs/")


def test_a_maintainer_has_it_measured_and_compared_and_nobody_else_does() -> None:
    pair = shown_vintages()
    outsider, keeper = signed_in(person("outsider")), signed_in(maintainer_of(pair))
    assert outsider.post(f"/pairs/{pair.pk}/", {"measure": "1"}).status_code == 404
    assert not Job.objects.filter(kind="measure_pair").exists()
    assert "Measure now" in text_of(keeper, f"/pairs/{pair.pk}/")
    for what in ("measure", "compare"):
        assert keeper.post(f"/pairs/{pair.pk}/", {what: "1"}).status_code == 302
    jobs = Job.objects.filter(kind__in=["measure_pair", "compare_maps"])
    assert {job.kind for job in jobs} == {"measure_pair", "compare_maps"}
    page = text_of(keeper, f"/pairs/{pair.pk}/")
    assert "The shift is being measured." in page and "The two maps are being compared." in page
    assert all(keeper.get(f"/api/v1/jobs/{job.pk}/").status_code == 200 for job in jobs)
    assert keeper.post(f"/api/v1/pairs/{pair.pk}/measure/").status_code == 409
    assert outsider.post(f"/api/v1/pairs/{pair.pk}/measure/").status_code == 404
    jobs.update(state="failed", error="The disk is full.")
    failed = text_of(keeper, f"/pairs/{pair.pk}/")
    for what in ("measuring", "comparison"):
        assert f"The last {what} stopped: The disk is full." in failed
    assert "The disk is full." not in text_of(outsider, f"/pairs/{pair.pk}/")
    jobs.delete()
    assert keeper.post(f"/api/v1/pairs/{pair.pk}/measure/").json()["state"] == "queued"


def test_who_maintains_the_earlier_campaign_alone_has_no_button_that_ends_nowhere() -> None:
    pair = shown_vintages()
    later = Campaign.objects.get(layer=pair.second)
    who = person("elsewhere")
    set_role(campaign=Campaign.objects.get(layer=pair.first), user=who, role="maintainer")
    rounds, change = f"/campaigns/{later.slug}/change/rounds/", f"/campaigns/{later.slug}/change/"
    page = signed_in(who).get(f"/pairs/{pair.pk}/").content.decode()
    assert "Measure now" in page and f'"{rounds}"' not in page and f'"{change}"' not in page
    ChangeRound.objects.create(campaign=later, pair=pair, number=1, source="maps", control_share=0.1, seed=1)
    keeper = signed_in(maintainer_of(pair)).get(f"/pairs/{pair.pk}/").content.decode()
    assert f'"{rounds}"' in keeper and f'"{change}"' in keeper
    Campaign.objects.filter(pk=later.pk).update(state="closed")
    assert f'"{change}"' not in signed_in(who).get(f"/pairs/{pair.pk}/").content.decode()


def test_maps_without_a_public_copy_are_said_to_wait_for_it_and_not_to_be_missing() -> None:
    pair = shown_vintages()
    client = signed_in(maintainer_of(pair))
    Campaign.objects.update(state="open")
    for one in Prediction.objects.filter(layer=pair.first):
        one.files = {name: digest for name, digest in one.files.items() if "public" not in name}
        one.save()
    page = text_of(client, f"/pairs/{pair.pk}/")
    assert "One of the two maps has no public copy yet" in page and "Compare now" not in page
    assert APIClient().get(f"/api/v1/pairs/{pair.pk}/").json()["disagreement"]["state"] == "no_public_copy"
    said = client.post(f"/pairs/{pair.pk}/", {"compare": "1"}, follow=True).content.decode()
    assert "One of the two maps has no public copy yet: wait for it to be made." in said


def test_the_api_gives_counts_and_the_file_and_both_are_of_the_maps_people_see(client: Client) -> None:
    pair = shown_vintages()
    assert client.get(f"/pairs/{pair.pk}/disagreement.tif").status_code == 404
    assert APIClient().get(f"/api/v1/pairs/{pair.pk}/").json()["disagreement"]["state"] == "not_counted"
    made = compared(pair)
    found = APIClient().get(f"/api/v1/pairs/{pair.pk}/").json()["disagreement"]
    assert found["classes"] == [
        {"first_code": BUILT, "second_code": GRASS, "px": 512 * 1024, "ha": pytest.approx(2.097152)}
    ]
    answer = client.get(found["file"])
    assert answer.status_code == 200 and answer["ETag"] == f'"{made.sha256}"'
    with rasterio.MemoryFile(b"".join(answer.streaming_content)) as file, file.open() as raster:  # type: ignore[arg-type]
        assert (raster.read(1)[:, :512] == 1).all() and (raster.read(1)[:, 512:] == 2).all()
    assert want_comparisons() == 0, "the same maps are not compared again"
    other = Prediction.objects.get(layer=pair.second)
    other.files = {**other.files, "class_public.tif": "9" * 64}
    other.save()
    assert current_comparison(pair) is None and want_comparisons() == 1, "the map that people see is another"
    assert client.get(found["file"]).status_code == 404


def test_the_public_map_offers_the_layer_with_its_pair_and_what_the_maps_do_not_share(client: Client) -> None:
    pair = shown_vintages()
    slug = Campaign.objects.get(layer=pair.second).slug
    offered = client.get(f"/api/v1/campaigns/{slug}/map/").json()
    layer = offered["disagreement"]
    assert (layer["from"], layer["to"], layer["page"]) == (2019, 2022, f"/pairs/{pair.pk}/")
    assert [one["code"] for one in offered["change"]["differences"]] == ["model", "training_run"]


def test_without_pairs_and_without_maps_the_pages_say_what_is_missing(client: Client) -> None:
    assert "No two vintages are paired yet" in text_of(client, "/pairs/")
    assert client.get("/pairs/1/").status_code == 404
    pair = two_vintages()
    Prediction.objects.filter(layer=pair.first).delete()
    page = text_of(client, f"/pairs/{pair.pk}/")
    assert "Not both vintages have a published map" in page and "Not measured yet." in page
    assert APIClient().get("/api/v1/pairs/").json()["results"][0]["first"] == pair.first.slug
