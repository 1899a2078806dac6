"""One report from the public map to the release that contains its correction, each person in a browser of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import scenes
from django.core import mail
from e2e.studio import BUILT, GRASS, Stored, Studio, new_person, rectangle, sign_in, until
from e2e.test_accessibility import LOOKS, Faults
from learning_rows import model_row, ready_map
from report_rows import area_in, boundary, report, steward_of, territory

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

# The page's own map, as django-leaflet keeps it: places on the screen of shares of a tile's sides.
SCREEN = """([lon, lat]) => {
  const map = window.maps[0];
  const point = map.latLngToContainerPoint([lat, lon]);
  const box = map.getContainer().getBoundingClientRect();
  return [box.left + point.x, box.top + point.y];
}"""
SHOW = "([w, s, e, n]) => { window.maps[0].fitBounds([[s, w], [n, e]], { animate: false }); }"
TIMES_DRAWN = """(id) => {
  let times = 0;
  window.maps[0].eachLayer((layer) => { if (layer.feature?.properties.id === id) times += 1; });
  return times;
}"""
SHOWN = "() => document.querySelectorAll('.leaflet-tile-loaded').length > 0"
PLACED = "(words) => document.querySelector('#report-placed').textContent.includes(words)"


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A campaign with accepted labels and a published map, and somebody who looks after its ground."""
    from e2e.conftest import _flush

    from annotation.services.people import set_role

    with django_db_blocker.unblock():
        folder = tmp_path_factory.mktemp("world")
        scene = scenes.labelled_scene(folder, "gers", size_px=768, tile_px=64, pool_tiles=4)
        # The map of a model that is published no longer: a release then needs no weights.
        prediction = ready_map(model_row(scene.campaign, state="retired"), np.zeros((12, 12), np.float32))
        scenes.write_geotiff(prediction.path("class_public.tif"), np.full((1, 768, 768), 2, np.uint8))
        set_role(campaign=scene.campaign, user=scene.maintainer, role="maintainer")
        scene.commune = territory(scene.campaign, folder, "32013", (0, 0, 12, 12))  # type: ignore[attr-defined]
        yield scene
        _flush()


def free_tile(scene: Any, n: int = 0) -> Any:
    """A pool tile that nobody has taken and no round has asked for."""
    from annotation.services.tiles import materialise_tiles, pool_mask

    known = set(scene.campaign.tiles.values_list("row", "col"))
    mask = pool_mask(scene.campaign)
    places = [(r, c) for r in range(2, 10) for c in range(2, 10) if mask[r, c] and (r, c) not in known]
    tile = materialise_tiles(campaign=scene.campaign, places=[places[n]])[places[n]]
    tile.campaign = scene.campaign
    return tile


class PublicMap:
    """Hands on the campaign's public map. Places are shares of a tile's sides."""

    def __init__(self, page: Any, tile: Any, address: str = "/campaigns/gers/") -> None:
        self.page, self.tile = page, tile
        page.goto(address)
        page.wait_for_function("() => window.maps && window.maps.length > 0")
        page.wait_for_function(SHOWN)
        row, col = tile.row, tile.col
        ring = np.array(boundary(tile.campaign, row - 1, col - 1, row + 2, col + 2))
        page.evaluate(SHOW, [*ring.min(axis=0).tolist(), *ring.max(axis=0).tolist()])

    def at(self, dx: float, dy: float) -> tuple[float, float]:
        lon, lat = self.tile.campaign.tile_grid.pixels.to_lonlat(
            (self.tile.col + dx) * self.tile.campaign.tile_px, (self.tile.row + dy) * self.tile.campaign.tile_px
        )
        x, y = self.page.evaluate(SCREEN, [lon, lat])
        return round(x), round(y)

    def click(self, dx: float, dy: float) -> None:
        self.page.mouse.move(*self.at(dx, dy))
        self.page.mouse.click(*self.at(dx, dy))

    def open_form(self) -> None:
        self.page.click("#report-start")
        self.page.wait_for_selector("#report-form:not([hidden])")

    def sent(self) -> str:
        """Send the form; the address of the report's page."""
        self.page.click("#report-send")
        link = self.page.locator("[data-testid='report-page']")
        link.wait_for()
        return str(link.get_attribute("href"))


def publish(campaign: Any) -> Any:
    """A release by the real job."""
    from annotation.jobs.registry import run_job
    from learning.models import Release
    from learning.services.releases import start_release

    job = start_release(campaign=campaign, actor=None)
    assert run_job(str(job.id))
    job.refresh_from_db()
    assert job.state == "succeeded", job.error
    return Release.objects.get(pk=job.result["release"])


def test_a_report_is_followed_from_the_public_map_to_the_release_that_contains_its_correction(
    world: Any, open_page: Any
) -> None:
    from annotation.models import PlaceReport
    from annotation.services.people import set_role
    from annotation.services.report_mail import send_waiting_mail

    tile = free_tile(world)
    # Somebody without an account draws around the place with the mouse.
    reader = open_page()
    hands = PublicMap(reader, tile)
    hands.open_form()
    reader.check("input[name='kind'][value='area']")
    for corner in ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)):
        hands.click(*corner)
    assert "4" in reader.inner_text("#report-placed")
    reader.check(f"input[name='class_code'][value='{BUILT}']")
    reader.fill("#report-comment", "A new barn stands here.")
    reader.fill("#report-email", "reader@example.org")
    address = hands.sent()
    made = PlaceReport.objects.get()
    assert address == f"/reports/{made.public_id}/" and made.tile == tile and made.reporter is None
    assert (made.class_code, made.shown_class) == (BUILT, GRASS)
    assert made.place.area == pytest.approx(tile.footprint.area / 4, rel=0.1)
    reader.goto(address)
    assert "New" in reader.inner_text(".page-head") and "A new barn stands here." in reader.inner_text("main")

    # The steward of the commune finds it at their desk, and puts it first in the queue.
    desk, steward = open_page(), steward_of(world.commune)
    sign_in(desk, steward)
    desk.goto("/steward/")
    desk.click(f"a[href='/steward/reports/{made.public_id}/']")
    desk.click("button[value='queue']")
    desk.wait_for_selector(".history li:nth-child(3)")
    made.refresh_from_db()
    assert made.state == "assigned"

    # The next person who asks for a tile is given it, reads the words, draws and submits.
    studio, ana = open_page(), new_person()
    sign_in(studio, ana)
    studio.goto("/campaigns/gers/studio/")
    studio.wait_for_selector(f"#studio[data-ready='true'][data-tile='{tile.pk}']")
    assert "A new barn stands here." in studio.inner_text("[data-testid='reported']")
    assert studio.locator(".mark-icon .is-reported").inner_text() == "A", "and where on the tile"
    pen = Studio(studio, tile, ana)
    pen.choose(BUILT)
    pen.use("polygon")
    pen.clicks((16, 16), (48, 16), (48, 48), (16, 48), (16, 16))
    pen.saved(1)
    reader.reload()
    assert "Being drawn anew" in reader.inner_text(".page-head")
    studio.click("[data-testid='submit']")
    studio.wait_for_selector(f"#studio:not([data-tile='{tile.pk}'])")
    assert Stored(tile, ana).ground(BUILT).equals(rectangle(16, 16, 48, 48))

    # A reviewer accepts it.
    review, rene = open_page(), new_person()
    set_role(campaign=world.campaign, user=rene, role="reviewer")
    sign_in(review, rene)
    review.goto("/campaigns/gers/review/")
    review.wait_for_selector("#review[data-ready='true']")
    assert "A new barn stands here." in review.inner_text("[data-testid='reported']")
    assert review.locator("[data-pane='submission'] .mark-icon .is-reported").count() == 1
    review.click("[data-testid='accept']")
    review.wait_for_selector("[data-testid='empty']")
    reader.reload()
    assert "Corrected" in reader.inner_text(".page-head") and "The next release" in reader.inner_text(".page-head")

    # A release is published, and the report's page says that it is in it.
    release = publish(world.campaign)
    reader.reload()
    assert f"In release {release.folder}" in reader.inner_text(".page-head")
    reader.click(f".page-head a[href='/releases/{release.folder}/']")
    reader.wait_for_url(f"**/releases/{release.folder}/")
    send_waiting_mail()
    assert [message.to for message in mail.outbox] == [["reader@example.org"]] * 2
    assert f"/releases/{release.folder}/" in mail.outbox[1].body


def test_a_place_is_reported_with_the_keyboard_alone_and_faults_are_shown_in_place(world: Any, open_page: Any) -> None:
    from annotation.models import PlaceReport

    tile = free_tile(world, 5)
    page = open_page(locale="fr-FR")
    hands = PublicMap(page, tile)
    page.focus("#report-start")
    page.keyboard.press("Enter")
    page.wait_for_selector("#report-form:not([hidden])")
    page.focus("#report-send")
    page.keyboard.press("Enter")
    assert "Montrez d’abord le lieu" in page.inner_text("#report-trouble")
    page.focus(".leaflet-container")
    page.keyboard.press("Enter")
    assert "Le point est posé" in page.inner_text("#report-placed")
    page.focus("#report-email")
    page.keyboard.type("no address")
    page.focus("#report-send")
    page.keyboard.press("Enter")
    page.wait_for_function(
        "() => document.querySelector('#report-trouble').textContent.includes('adresse électronique')"
    )
    page.focus("#report-email")
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.focus("#report-send")
    page.keyboard.press("Enter")
    page.wait_for_selector("[data-testid='report-page']")
    made = PlaceReport.objects.get(tile=tile)
    x, y = page.evaluate(SCREEN, [made.place.x, made.place.y])
    box = page.locator(".leaflet-container").bounding_box()
    assert (x, y) == (
        pytest.approx(box["x"] + box["width"] / 2, abs=1),
        pytest.approx(box["y"] + box["height"] / 2, abs=1),
    )

    # Somebody else about to report the same place is shown that report first.
    page.reload()
    PublicMap(page, tile, "/campaigns/gers/#report")
    page.wait_for_selector("#report-form:not([hidden])")
    hands.click(0.52, 0.5)
    page.click("#report-send")
    page.wait_for_selector("[data-testid='report-anyway']")
    assert page.get_attribute("#report-trouble a", "href") == f"/reports/{made.public_id}/"
    page.click("[data-testid='report-anyway']")
    page.wait_for_selector("[data-testid='report-page']")
    assert PlaceReport.objects.filter(tile=tile).count() == 2


def test_the_form_waits_for_no_tiles_and_its_link_opens_it_on_the_page_itself(world: Any, open_page: Any) -> None:
    page = open_page()
    held: list[Any] = []
    page.route("**/tiles.geojson*", lambda route: held.append(route))
    page.goto("/campaigns/gers/")
    page.wait_for_function("() => window.maps && window.maps.length > 0")
    until(page, lambda: held, "tiles to label are not asked for")
    page.click("#report-start")
    form = page.locator("#report-form")
    form.wait_for()
    page.click("#report-cancel")
    form.wait_for(state="hidden")
    page.evaluate("() => { location.hash = 'report'; }")
    form.wait_for()
    # Tiles that cannot be had are told of, and take nothing else along.
    with page.expect_response("**/reports.geojson"):
        for one in held:
            one.abort()
    assert "tiles to label could not be loaded" in page.inner_text("#map-said")
    assert page.is_disabled("#show-tiles") and page.is_hidden("#tile-legend-box")
    assert page.is_enabled("#show-reports")


def test_a_report_sent_before_the_others_have_come_is_on_the_map_once(world: Any, open_page: Any) -> None:
    from annotation.models import PlaceReport

    tile, earlier = free_tile(world, -1), report(free_tile(world, -3))
    page = open_page()
    held: list[Any] = []
    page.route("**/reports.geojson", lambda route: held.append(route))
    hands = PublicMap(page, tile)
    until(page, lambda: held, "reports are not asked for")
    hands.open_form()
    hands.click(0.5, 0.5)
    page.fill("#report-comment", "A new road.")
    hands.sent()
    made = PlaceReport.objects.get(tile=tile)
    for one in held:
        one.continue_()
    page.wait_for_function(f"(id) => ({TIMES_DRAWN})(id) === 1", arg=str(earlier.public_id))
    assert page.evaluate(TIMES_DRAWN, str(made.public_id)) == 1


def test_an_area_is_drawn_with_a_finger(world: Any, open_page: Any) -> None:
    from annotation.models import PlaceReport

    tile = free_tile(world, 15)
    page = open_page(has_touch=True, viewport={"width": 390, "height": 780})
    hands = PublicMap(page, tile)
    page.tap("#report-start")
    page.tap("input[name='kind'][value='area']")
    page.evaluate("() => document.querySelector('.leaflet-container').scrollIntoView({ block: 'center' })")
    for number, corner in enumerate(((0.2, 0.2), (0.8, 0.2), (0.8, 0.8)), 1):
        page.touchscreen.tap(*hands.at(*corner))
        page.wait_for_timeout(400)  # two taps sooner than that are one double tap
        page.wait_for_function(PLACED, arg=f"Corners: {number}.")
    page.tap("#report-send")
    page.wait_for_selector("[data-testid='report-page']")
    made = PlaceReport.objects.get(tile=tile)
    assert made.place.geom_type == "Polygon" and made.place.area == pytest.approx(tile.footprint.area * 0.18, rel=0.15)


def test_a_click_on_a_tile_while_reporting_sets_the_point_and_opens_nothing(world: Any, open_page: Any) -> None:
    tile = world.campaign.tiles.filter(role="pool", state="accepted").select_related("campaign__layer").first()
    page = open_page()
    hands = PublicMap(page, tile)
    page.wait_for_selector(".leaflet-overlay-pane canvas", state="attached")  # tiles to label come after imagery
    hands.click(0.5, 0.5)
    page.wait_for_selector(".leaflet-popup")
    hands.open_form()
    hands.click(0.4, 0.4)
    assert "The point is set" in page.inner_text("#report-placed")
    page.locator(".leaflet-popup").wait_for(state="detached")  # it fades
    page.click("#report-cancel")
    hands.click(0.5, 0.5)
    page.wait_for_selector(".leaflet-popup")


@pytest.mark.parametrize("look", ["English, light, wide", "French, dark, narrow"])
def test_no_page_of_reports_has_a_fault_that_axe_finds(world: Any, open_page: Any, look: str) -> None:
    tile, kept = free_tile(world, 9), Faults()
    made = report(tile, place=area_in(tile, 0.2, 0.2, 0.5, 0.5), class_code=BUILT, comment="A barn.")
    page = open_page(**LOOKS[look])
    sign_in(page, steward_of(world.commune))
    pages = [
        "/campaigns/gers/reports/", f"/reports/{made.public_id}/", "/steward/", f"/steward/reports/{made.public_id}/",
        "/steward/coverage/commune/32013/gers/",
    ]  # fmt: skip
    for address in pages:
        page.goto(address)
        kept.look(page, address)
        assert page.evaluate("() => document.documentElement.scrollWidth <= window.innerWidth"), address
    page.goto("/campaigns/gers/#report")
    page.wait_for_selector("#report-form:not([hidden])")
    kept.look(page, "the form")
    assert kept.found == [], "\n".join(kept.found)
