"""What maps cost beside the least they could, and beside what others do.

    python bench/maps.py [--rounds 3] [--only predict cog]

Each section measures ours and its rival by turns (A B B A) in one process on the same data, with a check of the results
beside it, and gives ratios of medians; absolute times depend on the machine and its load.

    predict_ratio           bare forward passes of the same windows, whole, by the network as its library writes it,
                            resident as network input, in the fastest way found in the same run, memory kept for them as
                            for ours ÷ the whole map: file to durable files (U-Net, resnet34). Ours computes less of a
                            window than they do; what its own passes take alone is in the table
    window_method_speedup   512 px windows of which the middle 256 are kept, as FLAIR's zone_detect is configured (four
                            at once, float32, read boundless and bilinear) ÷ ours, for the same ground; one by one,
                            which a CPU does faster, is in the table
    feed_speedup            windows for a network that takes no time: reads of 512 px windows with `boundless` ÷ ours,
                            in processor time
    cog_speedup             GDAL's COG driver over the rows of a map ÷ ours
    vector_speedup          GDAL's raw polygons of a map to a GeoPackage ÷ ours, to a valid coverage with minimum units
                            in a GeoPackage and a GeoParquet, in processor time
    vector_invalid          polygons that are invalid, leave a gap, overlap, or are too small without a reason
    raster_tile_speedup     map tiles of imagery a second, from the site ÷ from TiTiler, of one COG
    vector_tile_speedup     a vector tile of zoom 14 made by ST_AsMVT ÷ ours as it is kept
    peak_mib_large          the most memory of any process for a scene of 20,480 px from its files to the site, MiB
    peak_mib_quarter        the same for a quarter of the scene
    scene                   what each stage of scenes of three sizes takes for a square kilometre (docs/scale.md)
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY / "bench"), str(REPOSITORY)]

import _maps_cog  # noqa: E402 (the path must be set first)
import _maps_predict  # noqa: E402
import _maps_scene  # noqa: E402
import _maps_tiles  # noqa: E402
import _maps_vectors  # noqa: E402

SECTIONS: dict[str, Callable[[int], dict[str, Any]]] = {
    "predict": _maps_predict.measure,
    "cog": _maps_cog.measure,
    "vectors": _maps_vectors.measure,
    "tiles": _maps_tiles.measure,
    "scene": _maps_scene.measure,
}


def main() -> None:
    """Measure, print the tables and the line of figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="turns there and back")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    arguments = parser.parse_args()
    if "MALLOC_ARENA_MAX" not in os.environ:  # as workers are started
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | {"MALLOC_ARENA_MAX": "1"})  # noqa: S606
    figures: dict[str, Any] = {}
    for name in arguments.only:
        figures |= SECTIONS[name](arguments.rounds)
    print("FIGURES " + json.dumps(figures))


if __name__ == "__main__":
    main()
