"""What can be wrong with a raster someone brought, or with a picture someone asked for."""

from __future__ import annotations

from typing import ClassVar

from annotation.errors import SolcommunError, UserError


class UnusableRaster(UserError):
    """A raster file cannot become an imagery layer; the message says what was met and what to do."""

    code: ClassVar[str] = "unusable_raster"
    status: ClassVar[int] = 422


class NotALocalFile(UnusableRaster):
    """The path is not an existing regular file of this machine (URL, /vsi path, folder, link, missing)."""

    code: ClassVar[str] = "raster_not_a_local_file"


class NotATiff(UnusableRaster):
    """The content is not TIFF, whatever the name says."""

    code: ClassVar[str] = "raster_not_a_tiff"


class DamagedTiff(UnusableRaster):
    """The TIFF is truncated, loops, or cannot be decoded."""

    code: ClassVar[str] = "raster_damaged"


class SidecarFound(UnusableRaster):
    """A file lies beside the raster that GDAL would read with it."""

    code: ClassVar[str] = "raster_sidecar"


class MissingGeoreference(UnusableRaster):
    """The file does not say where it lies."""

    code: ClassVar[str] = "raster_without_georeference"


class ContradictoryGeoreference(UnusableRaster):
    """The file says where it lies, and a different place was given."""

    code: ClassVar[str] = "raster_georeference_conflict"


class UnusableGeotransform(UnusableRaster):
    """Rotated, south-up, zero, not finite or not square pixels."""

    code: ClassVar[str] = "raster_grid"


class UnusableCrs(UnusableRaster):
    """A CRS that is not a place on Earth, or coordinates that do not fit the CRS."""

    code: ClassVar[str] = "raster_crs"


class TooLarge(UnusableRaster):
    """More pixels, bands or a larger block than an import accepts."""

    code: ClassVar[str] = "raster_too_large"


class UnsupportedPixels(UnusableRaster):
    """A data type, colour model or compression that an import does not accept."""

    code: ClassVar[str] = "raster_pixels"


class SourcesDoNotMatch(UnusableRaster):
    """Files of one mosaic differ in CRS, pixel size, bands or data type."""

    code: ClassVar[str] = "raster_sources_differ"


class SourceChanged(UnusableRaster):
    """A file is not what it was when its import began."""

    code: ClassVar[str] = "raster_changed"


class NothingVisible(UnusableRaster):
    """No pixel of the raster is valid."""

    code: ClassVar[str] = "raster_empty"


class UnusableStacItem(UserError):
    """A STAC Item does not name files that can be imported; the message says what was met and what to do."""

    code: ClassVar[str] = "unusable_stac_item"
    status: ClassVar[int] = 422


class UnusableMosaicGraph(UserError):
    """A file of pieces with dates cannot be read as a mosaic graph; the message says what was met and what to do."""

    code: ClassVar[str] = "unusable_mosaic_graph"
    status: ClassVar[int] = 422


class LayerFolderExists(SolcommunError):
    """An import was asked to write where an imported layer already lies."""

    code: ClassVar[str] = "layer_folder_exists"


class UnknownView(UserError):
    """A view (band combination) that does not exist or that this layer's bands cannot give."""

    code: ClassVar[str] = "unknown_view"
    status: ClassVar[int] = 404


class UnknownBand(UserError):
    """A band name that the raster does not have."""

    code: ClassVar[str] = "unknown_band"


class SandboxLimitReached(UserError):
    """The work on a foreign file ran past its memory, time or size limit, or brought its process down."""

    code: ClassVar[str] = "sandbox_limit"
    status: ClassVar[int] = 422


class SandboxUnavailable(SolcommunError):
    """Isolation was required and the machine cannot give it."""

    code: ClassVar[str] = "sandbox_unavailable"


class SandboxFailed(SolcommunError):
    """The sandboxed function raised an error that is not ours, or its answer is not JSON."""

    code: ClassVar[str] = "sandbox_failed"
