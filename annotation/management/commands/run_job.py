from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from annotation.jobs.registry import run_job
from annotation.models import Job


class Command(BaseCommand):
    help = "Run one job here and now, without the queue; resumes a job whose worker died once its lease has lapsed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("job_id")

    def handle(self, *args: Any, **options: Any) -> None:
        if not run_job(options["job_id"]):
            state = Job.objects.filter(pk=options["job_id"]).values_list("state", flat=True).first()
            raise CommandError(f"Job {options['job_id']} is {state or 'unknown'}: nothing to do.")
        job = Job.objects.get(pk=options["job_id"])
        if job.state != Job.State.SUCCEEDED:
            raise CommandError(f"Job {job.id} ended {job.state}: {job.error.splitlines()[0] if job.error else ''}")
        self.stdout.write(f"{job.kind} succeeded: {job.result}")
