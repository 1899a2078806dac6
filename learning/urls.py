"""Prediction map tiles and release downloads."""

from django.urls import path, re_path, register_converter

from learning import map_layers, map_request_pages, pair_pages, polygon_views, views


class MapTileNumber:
    """A map tile's zoom, column or row: at most eight digits."""

    regex = r"\d{1,8}"

    def to_python(self, value: str) -> int:
        """The number."""
        return int(value)

    def to_url(self, value: int) -> str:
        """The digits."""
        return str(value)


register_converter(MapTileNumber, "tile_number")

_TILE = "<tile_number:z>/<tile_number:x>/<tile_number:y>.png"
urlpatterns = [
    *(
        path(
            f"predictions/<int:prediction_id>/{what}/{grid}/{_TILE}",
            views.prediction_tile,
            {"what": what, "grid": grid},
            name=f"prediction-{what}-{grid}",
        )
        for what in ("class", "entropy")
        for grid in ("native", "web")
    ),
    path(
        f"predictions/<int:prediction_id>/since/<int:before_id>/web/{_TILE}",
        map_layers.change_tile,
        name="prediction-change",
    ),
    path(
        f"predictions/<int:prediction_id>/against/<int:before_id>/web/{_TILE}",
        map_layers.disagreement_tile,
        name="prediction-disagreement",
    ),
    path("pairs/<int:pair_id>/disagreement.tif", pair_pages.disagreement_file, name="pair-disagreement"),
    path(
        "predictions/<int:prediction_id>/polygons/tiles/<tile_number:z>/<tile_number:x>/<tile_number:y>.mvt",
        polygon_views.polygon_tile,
        name="polygons-tile",
    ),
    re_path(
        r"^predictions/(?P<prediction_id>\d{1,18})/polygons/(?P<file>polygons_[a-z]{1,20}(?:\.[a-z]{1,10}){1,2})$",
        views.polygons_file,
        name="polygons-file",
    ),
    re_path(
        r"^predictions/(?P<prediction_id>\d{1,18})/files/(?P<file>[a-z]{1,20}\.tif)$",
        map_request_pages.requested_map_file,
        name="requested-map-file",
    ),
    re_path(
        r"^releases/(?P<version>[A-Za-z0-9][A-Za-z0-9._-]{0,119})/files/(?P<path>[A-Za-z0-9_][A-Za-z0-9._/-]{0,499})$",
        views.release_file,
        name="release-file",
    ),
]
