"""The work itself, callable without a queue. MODULES lists where job functions are registered."""

MODULES = [
    "learning.jobs.training",
    "learning.jobs.judging",
    "learning.jobs.imports",
    "learning.jobs.prediction",
    "learning.jobs.shards",
    "learning.jobs.polygons",
    "learning.jobs.releases",
]
