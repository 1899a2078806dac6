from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from learning_rows import labelled_campaign, model_row, with_weights
from scenes import TWO_CLASSES, labelled_scene

from annotation.models import Job
from learning.models import RetrainingPolicy


def output_of(*arguments: str) -> Any:
    out = StringIO()
    call_command(*arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


@pytest.mark.django_db(transaction=True)
def test_a_published_folder_verifies_and_a_changed_byte_is_named(tmp_path: Path) -> None:
    scene = labelled_scene(tmp_path, pool_tiles=2)
    report = output_of("publish_release", "--campaign", scene.campaign.slug)
    assert report["version"] == "0.1.0" and report["name"] == "scene-0.1.0" and report["model"] is None
    folder = Path(report["path"])
    assert output_of("verify_release", str(folder)) == {
        "artefacts": report["artefacts"], "manifest_sha256": report["manifest_sha256"], "faults": [],
    }  # fmt: skip
    out = StringIO()
    call_command("verify_release", str(folder), stdout=out)
    assert out.getvalue() == f"{report['artefacts']} artefacts, 0 faults\n"

    readme = folder / "README.md"
    readme.chmod(0o644)
    readme.write_bytes(readme.read_bytes().replace(b"a", b"b", 1))
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("verify_release", str(folder), stdout=out)
    assert ended.value.code == 1 and out.getvalue().startswith("README.md: ")


@pytest.mark.django_db
def test_retraining_is_scheduled_by_its_options_and_a_wrong_one_is_refused() -> None:
    camp = labelled_campaign().campaign
    report = output_of(
        "schedule_retraining", "--campaign", camp.slug, "--every-hours", "0.5", "--min-newly-accepted", "3",
        "--round-size", "12", "--set", "steps=50", "--set", "encoder=resnet18", "--set", "pretrained=false",
    )  # fmt: skip
    assert report["training"] == {"steps": 50, "encoder": "resnet18", "pretrained": False}
    assert (report["period_hours"], report["min_newly_accepted"], report["round_size"]) == (0.5, 3, 12)
    with pytest.raises(CommandError, match="Option 'step' does not exist"):
        call_command("schedule_retraining", "--campaign", camp.slug, "--set", "step=5")
    with pytest.raises(CommandError, match="steps = 0 cannot be used"):
        call_command("schedule_retraining", "--campaign", camp.slug, "--set", "steps=0")
    built = TWO_CLASSES[0]
    report = output_of(
        "schedule_retraining", "--campaign", camp.slug, "--drift-index", "none", "--stop-below-points", "0.4",
        "--shadow", "--floor", f"{built}=0.4",
    )  # fmt: skip
    assert (report["drift_index"], report["stop_below_points"], report["shadow"]) == (None, 0.4, True)
    assert report["class_floors"] == {built: 0.4}
    for given, told in (("lava=0.4", "There is no class 'lava'"), (built, "write CLASS=IOU")):
        with pytest.raises(CommandError, match=told):
            call_command("schedule_retraining", "--campaign", camp.slug, "--floor", given)
    with pytest.raises(CommandError, match=r"period_hours is 0\.0: give a number above 0"):
        call_command("schedule_retraining", "--campaign", camp.slug, "--every-hours", "0")
    report = output_of("schedule_retraining", "--campaign", camp.slug, "--floor", f"{built}=none", "--no-shadow")
    assert (report["class_floors"], report["shadow"], report["stop_below_points"]) == ({}, False, 0.4)
    assert output_of("schedule_retraining", "--campaign", camp.slug, "--off")["enabled"] is False
    assert RetrainingPolicy.objects.get().training["steps"] == 50


@pytest.mark.django_db
def test_a_model_is_rolled_back_by_name_and_its_round_is_queued() -> None:
    camp = labelled_campaign().campaign
    with_weights(model_row(camp, state="retired"))
    model_row(camp, state="promoted", number=2)
    report = output_of("roll_back_model", "--campaign", camp.slug, "--to", "camp-m1")
    assert report["model"] == "camp-m1" and report["replaced"] == "camp-m2"
    assert Job.objects.get(pk=report["prediction_job"]).payload["after_round"] == 0
    with pytest.raises(CommandError, match=r"has no model 'camp-m9' \(it has: camp-m1, camp-m2\)"):
        call_command("roll_back_model", "--campaign", camp.slug, "--to", "camp-m9")


@pytest.mark.django_db
def test_a_campaign_that_is_not_there_is_answered_with_those_that_are() -> None:
    labelled_campaign()
    with pytest.raises(CommandError, match=r"There is no campaign 'camps' \(there are: camp\)"):
        call_command("publish_release", "--campaign", "camps")
