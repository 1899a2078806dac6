"""The work itself, callable without a queue. MODULES lists where job functions are registered."""

MODULES = [
    "learning.jobs.training",
    "learning.jobs.judging",
    "learning.jobs.class_changes",
    "learning.jobs.imports",
    "learning.jobs.prediction",
    "learning.jobs.rows",
    "learning.jobs.polygons",
    "learning.jobs.blocks",
    "learning.jobs.artificialisation",
    "learning.jobs.territory_figures",
    "learning.jobs.releases",
    "learning.jobs.deposits",
    "learning.jobs.map_areas",
    "learning.jobs.map_comparison",
    "learning.jobs.samples",
    "learning.jobs.change_rounds",
]
