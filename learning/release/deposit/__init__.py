"""Taking a release to an archive or a catalogue elsewhere: every request is made before the first is sent.

A target gives a `Plan` of steps; `dry_run` writes it down, `sending` sends it. Both use the same bytes.
"""
