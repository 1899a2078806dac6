"""The one door for rasters: foreign files are checked, rewritten and only then read or shown."""
