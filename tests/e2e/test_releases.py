"""The public catalogue, releases, their cards and tombstones, and the maintainers' pages about them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from e2e.studio import sign_in
from e2e.test_accessibility import LOOKS, check_folded_and_unfolded
from map_rows import evaluation
from scenes import labelled_scene

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

CARD = """---
license: etalab-2.0
---

# scene m1

A U-Net of [that library](https://github.com/qubvel-org/segmentation_models.pytorch), for `red, green, blue`.

## Evaluation

| class | IoU | F1 | pixels |
|---|---|---|---|
| CS1.1.1.1 Built-up areas | 0.712 (0.655 to 0.760) | 0.810 | 120,034 |

## Limits

- Trained on **one** vintage; other seasons are not assessed, nor is any other sensor than the one it has seen here.

```python
import json, torch
config = json.load(open("config.json"))
```
"""


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A campaign with a release that was withdrawn and one that stands, with a model's figures and card."""
    from e2e.conftest import _flush

    with django_db_blocker.unblock():
        yield build(tmp_path_factory.mktemp("world"))
        _flush()
    shutil.rmtree(settings.RELEASES_DIR)  # files that no row knows would be taken for those of a lost database


def build(folder: Path) -> Any:
    from learning_rows import model_row

    from annotation.jobs.registry import run_job
    from learning.models import Evaluation, Release
    from learning.release.manifest import write_manifest
    from learning.services.release_schedule import set_release_policy
    from learning.services.releases import start_release
    from learning.services.withdrawal import withdraw_release

    scene = labelled_scene(folder, pool_tiles=3)
    for version in ("1.0.0", "1.1.0"):
        job = start_release(campaign=scene.campaign, actor=None, version=version, notes="Labels of a few tiles.")
        assert run_job(str(job.id))
    first, second = Release.objects.order_by("version")
    withdraw_release(release=first, actor=None, reason="Tile 12 was labelled on the wrong image.")
    # A model without weights cannot be released: its card and figures are put beside what was.
    model = model_row(scene.campaign, state="promoted")
    evaluation(model, 0.8, reference="h1", miou=0.61)
    assert Evaluation.objects.filter(model=model).exists()
    card = second.path / "models" / "scene-m1" / "README.md"
    second.path.chmod(0o755)
    card.parent.mkdir(parents=True)
    card.write_text(CARD, encoding="utf-8")
    second.trained_model = model
    second.manifest_sha256 = write_manifest(second.path, version=second.version).sha256
    second.save()
    set_release_policy(campaign=scene.campaign, min_changed_labels=1)
    return scene


PUBLIC = ["/releases/", "/releases/?q=none-of-these", "/releases/scene-1.1.0/", "/releases/scene-1.1.0/model/",
          "/releases/scene-1.0.0/"]  # fmt: skip
KEPT = [
    "/campaigns/scene/releases/",
    "/campaigns/scene/releases/new/",
    "/campaigns/scene/releases/scene-1.1.0/withdraw/",
]


@pytest.mark.parametrize("look", LOOKS)
def test_a_reader_finds_no_fault_on_any_page_of_a_release(open_page: Any, world: Any, look: str) -> None:
    page = open_page(**LOOKS[look])
    for path in PUBLIC:
        page.goto(path)
        check_folded_and_unfolded(page)


@pytest.mark.parametrize("look", ["English, light, wide", "French, dark, narrow"])
def test_a_maintainer_finds_no_fault_on_the_pages_about_releases(open_page: Any, world: Any, look: str) -> None:
    page = open_page(**LOOKS[look])
    sign_in(page, world.maintainer)
    for path in [*KEPT, "/me/account/"]:
        page.goto(path)
        check_folded_and_unfolded(page)


def test_a_maintainer_begins_a_release_and_is_led_to_its_page(open_page: Any, world: Any) -> None:
    from annotation.jobs.registry import run_job
    from annotation.models import Job
    from learning.models import Release

    # What is published from here on names no model: its weights are not there.
    Release.objects.filter(version="1.1.0").update(trained_model=None)
    world.campaign.trained_models.update(state="retired")
    page = open_page(**LOOKS["English, light, wide"])
    sign_in(page, world.maintainer)
    page.goto("/campaigns/scene/releases/new/")
    page.fill("#id_text_en", "We walked along every hedge.")
    page.click("main form.panel button[type=submit]")
    page.wait_for_url("**/campaigns/scene/releases/")
    assert page.locator("#release-job").is_visible()
    job = Job.objects.get(kind="release", state="queued")
    assert run_job(str(job.id))
    release = Release.objects.public().exclude(version__in=["1.0.0", "1.1.0"]).get()
    page.wait_for_url(f"**/releases/{release.folder}/")
    assert page.get_by_text("We walked along every hedge.").is_visible()
