"""Class maps as polygons that share their edges (docs/adr/0036). No torch, no database.

Read in this order: rule.py (what is too small), runs.py, merging.py, survey.py (a block), seams.py (all blocks),
trace.py, thinning.py and outline.py (a block's polygons), join.py (over seams, and into files), run.py (the whole).
"""
