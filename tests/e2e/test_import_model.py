"""Published weights, sent by a maintainer from a browser, and what people then see of them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from e2e.studio import sign_in
from e2e.test_accessibility import LOOKS, Faults
from flair_weights import published_state, saved_safely
from learning_rows import imported_row
from scenes import accepted, campaign, person, real_layer, truth_features

from annotation.jobs.registry import run_job
from annotation.models import Job
from annotation.services.people import set_role
from learning.models import TrainedModel

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def scene(folder: Path, slug: str = "sent") -> Any:
    """A campaign on imagery, which somebody called after it maintains."""
    call_command("load_nomenclatures", verbosity=0, stdout=io.StringIO())
    layer, truth = real_layer(folder, slug, size_px=512)
    camp = campaign(slug, layer=layer, tile_px=64, first_round=20, seed=3, blind_share=0.0, control_share=0.0)
    mia, ana, rev = (person(f"{slug}-{name}") for name in ("mia", "ana", "rev"))
    set_role(campaign=camp, user=mia, role="maintainer")
    tile = camp.tickets.filter(kind="initial").order_by("rank").first().tile
    accepted(camp, tile, ana, rev, truth_features(truth, tile))
    return camp


def address_of(slug: str) -> str:
    return f"/campaigns/{slug}/import-model/"


def opened(open_page: Any, slug: str = "sent", **options: Any) -> Any:
    """The page of published weights as a campaign's maintainer sees it."""
    page = open_page(**options)
    sign_in(page, get_user_model().objects.get(username=f"{slug}-mia"))
    page.goto(address_of(slug))
    return page


def done(kind: str) -> Job:
    job = Job.objects.get(kind=kind, state="queued", campaign__slug="sent")
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return job


def test_a_file_is_sent_followed_and_then_drafts_under_a_mark_that_it_is_not_judged(
    open_page: Any, tmp_path: Path
) -> None:
    scene(tmp_path)
    weights = saved_safely(tmp_path / "FLAIR-INC_rgbi_15cl.safetensors", published_state())
    page = opened(open_page)
    assert page.locator("#import-variant").input_value() == "flair_inc/rgbi_15cl", "the one that fits the imagery"
    page.click("#import-form button[type=submit]")
    page.get_by_text("Choose the file to import first.").wait_for()
    page.set_input_files("#import-file", weights)
    page.check("#import-unjudged")
    page.click("#import-form button[type=submit]")
    page.get_by_text("Say why it is published before it can be judged").wait_for()
    page.fill("#import-reason", "people need a start")
    page.click("#import-form button[type=submit]")
    page.get_by_text("The import waits for a free worker").wait_for()

    # Left and come back to, the page goes on following it.
    page.goto(address_of("sent"))
    page.get_by_text("The import waits for a free worker").wait_for()
    done("import_model")
    page.get_by_text("The model is there: reload the page").wait_for()
    page.goto(address_of("sent"))
    told = page.inner_text("main")
    assert "sent-m1" in told and "not judged yet" in told and "people need a start" in told and "sent-mia" in told
    assert TrainedModel.objects.get(campaign__slug="sent").origin.file_name == "FLAIR-INC_rgbi_15cl.safetensors"

    done("predict")
    page.goto("/campaigns/sent/")
    page.get_by_text("It is not judged yet: nothing is known of how good it is here").wait_for()
    assert "FLAIR-INC (IGN) rgbi_15cl" in page.inner_text("#rounds")
    page.get_by_text("All about this model").click()
    page.wait_for_url("**/models/sent-m1/")
    told = page.inner_text("main")
    assert "people need a start" in told and "herbaceous_vegetation + agricultural_land + plowed_land" in told
    page.goto("/campaigns/sent/studio/")
    page.wait_for_selector("#studio[data-ready='true']")
    page.keyboard.press("d")
    page.get_by_test_id("not-judged").wait_for()


def assert_faultless(page: Any) -> None:
    """Folded and unfolded the page has no fault and is no wider than the screen."""
    kept = Faults()
    kept.look(page, "folded")
    page.evaluate("() => { for (const fold of document.querySelectorAll('details')) fold.open = true; }")
    kept.look(page, "unfolded")
    assert kept.found == [], "\n".join(kept.found)
    width = page.evaluate("() => [document.documentElement.scrollWidth, window.innerWidth]")
    assert width[0] <= width[1], "nothing makes the page wider than the screen"


@pytest.mark.parametrize("look", LOOKS)
def test_the_pages_of_published_weights_and_of_an_imported_model_have_no_fault_and_fit(
    open_page: Any, tmp_path: Path, look: str
) -> None:
    slug = f"page-{list(LOOKS).index(look)}"
    camp = scene(tmp_path, slug)
    shown = imported_row(camp, state="promoted")
    shown.origin.rows = {"CS2.2.1": ["herbaceous_vegetation", "agricultural_land", "plowed_land"], "CS2.2.2": []}
    shown.origin.left_out = {"mixed": "rgbi_15cl was never rewarded for it"}
    shown.origin.save()
    imported_row(camp, number=2, state="held")
    page = opened(open_page, slug, **LOOKS[look])
    assert_faultless(page)
    page.goto(f"/campaigns/{slug}/models/{shown.version}/")
    assert_faultless(page)
