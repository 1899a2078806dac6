"""Writers and checks of a release: pure functions over dataclasses and paths (no Django, no torch).

`contents` says what a release holds, `bundle.stage_release` writes it whole, `bundle.publish_staged` makes it
appear by one rename, and `manifest.verify` (or `python -m learning.release.verify DIR`) checks a download.
"""
