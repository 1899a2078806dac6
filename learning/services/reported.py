"""What the learning side knows of reports: what the published map shows at a place, and what a release contains."""

from __future__ import annotations

import logging
import math

import pyarrow.parquet as pq
from rasterio.errors import RasterioIOError

from annotation.core.grid import PixelWindow, lonlat_transformers
from annotation.core.places import Place
from annotation.core.stored_labels import class_index
from annotation.models import Campaign, PlaceReport
from annotation.raster.reader import read_window
from annotation.services.report_following import mark_released
from annotation.services.reports import Shown
from learning.core.map_files import NODATA
from learning.models import Release
from learning.release import layout
from learning.services.predictions import shown_prediction

log = logging.getLogger(__name__)


def shown_at(campaign: Campaign, place: Place) -> Shown:
    """Class of the published map at a place's marker; no class on control tiles of an open campaign or off the map."""
    prediction = shown_prediction(campaign)
    if prediction is None:
        return Shown()
    version = prediction.model.version
    # What people see while the campaign is open leaves the control tiles out.
    name = "class_public.tif" if campaign.state == Campaign.State.OPEN else "class.tif"
    grid = campaign.layer.pixel_grid
    a, _, c, _, e, f = grid.transform
    x, y = lonlat_transformers(grid.crs)[1].transform(*place.marker)
    column, row = (x - c) / a, (y - f) / e
    if not (0 <= column < grid.width and 0 <= row < grid.height):
        return Shown(model_version=version)
    try:
        pixels, valid = read_window(prediction.path(name), PixelWindow(math.floor(column), math.floor(row), 1, 1))
    except RasterioIOError as error:
        log.warning("the map of %s cannot be read for a report: %s", version, error)
        return Shown(model_version=version)
    values = class_index(prediction.model.class_codes)
    codes = {value: code for code, value in values.items()}
    value = int(pixels[0, 0, 0]) if valid[0, 0] else NODATA
    return Shown(class_code=codes.get(value, ""), model_version=version)


def tell_reports(release: Release) -> int:
    """Say of the reports whose corrections a published release holds that it does; returns how many.

    What it holds is read from its own files: labels accepted while it was being made are in the next one.
    """
    corrected = PlaceReport.objects.corrected().filter(campaign=release.campaign)
    if not corrected.exists():
        return 0
    column = pq.read_table(release.path / layout.TILES_PARQUET, columns=["revision_ids"]).column("revision_ids")
    revisions = {int(revision) for tile in column.to_pylist() for revision in tile}
    return mark_released(campaign=release.campaign, release=release.folder, revision_ids=revisions)
