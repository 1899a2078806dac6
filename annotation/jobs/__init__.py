"""The work itself, callable without a queue. MODULES lists where job functions are registered."""

MODULES = [
    "annotation.jobs.agreement",
    "annotation.jobs.alarms",
    "annotation.jobs.imagery",
    "annotation.jobs.pairs",
    "annotation.jobs.personal_data",
    "annotation.jobs.web_copies",
]
