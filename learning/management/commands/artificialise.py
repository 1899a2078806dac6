import json
import shutil
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.management.commands._support import account_named, errors_for_people, follow_job, progress_stream
from learning.core.artificialisation import DEFAULT_RULE
from learning.errors import NoClassMap
from learning.management.commands._support import campaign_named, model_named
from learning.models import ArtificialisationMap
from learning.services.artificialisation import ArtificialisationFigures, artificialisation_figures
from learning.services.artificialised_maps import start_artificialisation
from learning.services.predictions import ready_prediction, shown_prediction


class Command(BaseCommand):
    help = "Make the artificialised ground of a map: areas, and polygons with the criterion that decided each."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--campaign", required=True, help="short name of the campaign over cover")
        parser.add_argument("--model", help="version or number of the model; that of the map people see by default")
        parser.add_argument("--rule", default=DEFAULT_RULE, help="the rule's code")
        parser.add_argument("--out", type=Path, help="folder to copy the files into; it must exist")
        parser.add_argument("--by", help="username of who asks for it")
        parser.add_argument("--worker", action="store_true", help="let a worker do it instead of this process")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        campaign, out = campaign_named(options["campaign"]), options["out"]
        if out is not None and not out.is_dir():
            raise CommandError(f"There is no folder {out}: make it first.")
        with errors_for_people():
            named = options["model"]
            prediction = ready_prediction(model_named(campaign, named)) if named else shown_prediction(campaign)
            if prediction is None:
                raise NoClassMap(f"{named or campaign.slug} has no map yet: wait for it to be made.")
            job = start_artificialisation(
                prediction=prediction,
                rule=options["rule"],
                actor=account_named(options["by"]) if options["by"] else None,
            )
            job = follow_job(job, out=progress_stream(options["json"]), here=not options["worker"])
        made = ArtificialisationMap.objects.get(pk=job.result["artificialisation"])
        for name in made.files if out is not None else ():
            shutil.copyfile(made.path(name), out / name)
        if options["json"]:
            self.stdout.write(json.dumps({**job.result, "files": made.files}))
            return
        self.stdout.write(f"{job.result['polygons']} polygons, {job.result['territories']} territories counted.")
        if not named:
            self.stdout.write(_words(artificialisation_figures(campaign=campaign)))


def _words(figures: ArtificialisationFigures) -> str:
    if figures.kind == "bracket":
        return (
            f"Between {figures.lower_ha:.2f} and {figures.upper_ha:.2f} ha are artificialised, of "
            f"{figures.rests_on.mapped_ha:.2f} ha mapped. Usage is unknown on "
            f"{figures.rests_on.without_usage_ha:.2f} ha, so there is no single figure."
        )
    if figures.kind == "figure":
        return (
            f"{figures.artificialised_ha:.2f} ha are artificialised as mapped, of {figures.rests_on.mapped_ha:.2f} ha; "
            "the error of that is not assessed."
        )
    return f"No figure: {figures.reason}."
