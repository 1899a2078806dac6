"""Hostile raster files: each is refused by name of its fault, nothing calls home, nothing is left behind."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from PIL import Image

from annotation.raster import errors
from annotation.raster.ingest import inspect_sources, rewrite_as_layer
from annotation.raster.isolated_ingest import inspect_isolated, rewrite_isolated

GREY = np.full((1, 64, 64), 100, dtype=np.uint8)
PLAIN_HEADER = {256: 64, 257: 64, 258: 8, 259: 1, 262: 1, 273: 200, 277: 1, 278: 64, 279: 4096}


def vrt(source: str, *, raw: bool = False) -> str:
    if raw:
        band = (
            '<VRTRasterBand dataType="Byte" band="1" subClass="VRTRawRasterBand">'
            f"<SourceFilename>{source}</SourceFilename>"
            "<ImageOffset>0</ImageOffset><PixelOffset>1</PixelOffset><LineOffset>8</LineOffset></VRTRasterBand>"
        )
    else:
        band = (
            '<VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
            f"<SourceFilename>{source}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand>"
        )
    return f'<VRTDataset rasterXSize="8" rasterYSize="8">{band}</VRTDataset>'


def picture(kind: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (32, 32), (10, 20, 30)).save(out, kind)
    return out.getvalue()


def write(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def not_tiff_contents(port: int, folder: Path) -> dict[str, bytes | str]:
    url = f"http://127.0.0.1:{port}/x.tif"
    written = folder / "written-by-mrf"
    return {
        "R1 empty": b"",
        "R8 VRT to a URL": vrt(f"/vsicurl/{url}"),
        "R9 VRT raw band": vrt("/etc/passwd", raw=True),
        "R10 VRT with a Python function": vrt(url).replace(
            "<SimpleSource>", "<PixelFunctionLanguage>Python</PixelFunctionLanguage><SimpleSource>"
        ),
        "R11 MRF writer": f"<MRF_META><CachedSource><Source>{url}</Source></CachedSource><Raster><Size x='8' y='8'/>"
        f"<DataFile>{written}</DataFile><IndexFile>{written}.idx</IndexFile></Raster></MRF_META>",
        "R12 WMS": f'<GDAL_WMS><Service name="TMS"><ServerUrl>{url}</ServerUrl></Service></GDAL_WMS>',
        "R12 GTI": f"<GDALTileIndexDataset><IndexDataset>/vsicurl/{url}</IndexDataset></GDALTileIndexDataset>",
        "R12 STACIT": f'{{"type":"FeatureCollection","stac_version":"1.0.0","links":[{{"href":"{url}"}}]}}',
        "R13 PNG": picture("PNG"),
        "R13 JPEG": picture("JPEG"),
        "R13 PDF": picture("PDF"),
    }


def test_content_that_is_not_tiff_is_refused_whatever_its_name_and_nothing_calls_home(tmp_path, canary):
    for label, content in not_tiff_contents(canary.port, tmp_path).items():
        path = write(tmp_path / "orthophoto.tif", content)
        with pytest.raises(errors.NotATiff, match=r"orthophoto\.tif is not a TIFF"):
            inspect_sources([path])
        if label in ("R8 VRT to a URL", "R11 MRF writer"):
            with pytest.raises(errors.NotATiff):
                rewrite_isolated([path], out_dir=tmp_path / "layer", require_isolation=False)
        assert canary.visits == 0, label
    assert [entry.name for entry in tmp_path.iterdir()] == ["orthophoto.tif"]


def test_the_canary_hears_a_vrt_opened_without_naming_the_driver(tmp_path, canary):
    """The control: without our gate the same file does reach out, so silence above means something."""
    path = write(tmp_path / "orthophoto.tif", vrt(f"/vsicurl/http://127.0.0.1:{canary.port}/x.tif"))
    script = f"import rasterio\ntry:\n    rasterio.open({str(path)!r}).read()\nexcept Exception: pass"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
    assert canary.visits > 0


def test_the_named_driver_alone_refuses_a_vrt(tmp_path, canary):
    path = write(tmp_path / "orthophoto.tif", vrt(f"/vsicurl/http://127.0.0.1:{canary.port}/x.tif"))
    with pytest.raises(rasterio.errors.RasterioIOError):
        rasterio.open(path, driver="GTiff")
    assert canary.visits == 0


@pytest.mark.parametrize("kept", [4, 6, 8, 12, 60])
def test_r2_a_header_cut_short_is_refused(make_tiff, tmp_path, kept):
    whole = make_tiff(GREY).read_bytes()
    path = write(tmp_path / "cut.tif", whole[:kept])
    with pytest.raises(errors.DamagedTiff, match="truncated"):
        inspect_sources([path])


def test_r3_a_file_that_ends_inside_a_strip_is_refused_before_decoding(make_tiff, tmp_path):
    rng = np.random.default_rng(1)
    whole = make_tiff(rng.integers(0, 255, (3, 64, 64), dtype=np.uint8)).read_bytes()
    path = write(tmp_path / "cut.tif", whole[:-1000])
    with pytest.raises(errors.DamagedTiff, match="truncated"):
        inspect_sources([path])


def test_r3_pixels_that_cannot_be_decoded_stop_the_import_and_leave_nothing(make_tiff, tmp_path):
    rng = np.random.default_rng(2)
    path = make_tiff(rng.integers(0, 255, (1, 256, 256), dtype=np.uint8), compress="DEFLATE", tiled=True)
    content = bytearray(path.read_bytes())
    content[-20000:-100] = bytes(19900)
    path.write_bytes(content)
    with pytest.raises(errors.DamagedTiff):
        rewrite_as_layer([path], out_dir=tmp_path / "layer")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["image.tif"]


def test_r4_directories_that_loop_are_refused(make_header):
    with pytest.raises(errors.DamagedTiff, match="loop"):
        inspect_sources([make_header(PLAIN_HEADER, next_at=8)])


def test_r5_a_sparse_file_that_claims_ten_thousand_million_pixels_is_refused(make_header):
    path = make_header({**PLAIN_HEADER, 256: 100_000, 257: 100_000, 322: 512, 323: 512})
    with pytest.raises(
        errors.TooLarge, match=r"100000 x 100000 = 10,000,000,000 pixels; an import takes 2,500,000,000"
    ):
        inspect_sources([path])


def test_the_limit_on_pixels_can_be_set(make_tiff):
    path = make_tiff(GREY)
    assert inspect_sources([path], max_pixels=64 * 64).grid.width == 64
    with pytest.raises(errors.TooLarge, match="4,095"):
        inspect_sources([path], max_pixels=64 * 64 - 1)


def test_r6_one_huge_block_is_refused(make_header):
    path = make_header({**PLAIN_HEADER, 256: 32_768, 257: 32_768, 322: 32_768, 323: 32_768})
    with pytest.raises(errors.TooLarge, match="blocks of 32768 x 32768"):
        inspect_sources([path])


def test_r6_one_huge_strip_is_refused(make_header):
    path = make_header({**PLAIN_HEADER, 256: 32_768, 257: 32_768, 278: 32_768})
    with pytest.raises(errors.TooLarge, match="TILED=YES"):
        inspect_sources([path])


def test_r7_ten_thousand_bands_are_refused(make_header):
    with pytest.raises(errors.TooLarge, match="10000 bands; at most 16"):
        inspect_sources([make_header({**PLAIN_HEADER, 277: 10_000})])


def test_seventeen_bands_are_refused_and_sixteen_accepted(make_tiff):
    assert len(inspect_sources([make_tiff(np.ones((16, 8, 8), np.uint8))]).bands) == 16
    with pytest.raises(errors.TooLarge, match="17 bands"):
        inspect_sources([make_tiff(np.ones((17, 8, 8), np.uint8))])


def test_r14_a_file_without_crs_needs_one(make_tiff):
    path = make_tiff(GREY, crs=None)
    with pytest.raises(errors.MissingGeoreference, match="crs="):
        inspect_sources([path])
    assert inspect_sources([path], crs="EPSG:2154").grid.crs == "EPSG:2154"


def test_r14_a_file_without_any_place_needs_crs_and_transform(make_tiff):
    path = make_tiff(GREY, crs=None, transform=Affine.identity())
    with pytest.raises(errors.MissingGeoreference, match="no geotransform"):
        inspect_sources([path], crs="EPSG:2154")
    grid = inspect_sources([path], crs="EPSG:2154", transform=(0.5, 0, 600000, 0, -0.5, 6800000)).grid
    assert grid.transform == (0.5, 0.0, 600000.0, 0.0, -0.5, 6800000.0)


def test_a_place_that_contradicts_the_file_is_refused(make_tiff):
    with pytest.raises(errors.ContradictoryGeoreference, match="EPSG:2154"):
        inspect_sources([make_tiff(GREY)], crs="EPSG:3857")
    with pytest.raises(errors.ContradictoryGeoreference, match="transform"):
        inspect_sources([make_tiff(GREY)], transform=(1, 0, 0, 0, -1, 5))


@pytest.mark.parametrize(
    "crs", ["http://127.0.0.1:9/crs.prj", "/etc/passwd", "+proj=utm +zone=31", "2154", "EPSG:999999"]
)
def test_a_crs_is_only_ever_an_epsg_code(make_tiff, crs):
    with pytest.raises(errors.UnusableCrs):
        inspect_sources([make_tiff(GREY, crs=None)], crs=crs)


def test_r15_an_engineering_crs_is_refused(make_tiff):
    local = rasterio.CRS.from_wkt('LOCAL_CS["building site",UNIT["metre",1]]')
    with pytest.raises(errors.UnusableCrs, match="not a place on Earth"):
        inspect_sources([make_tiff(GREY, crs=local)])


def test_r15_metres_declared_as_degrees_are_refused(make_tiff):
    with pytest.raises(errors.UnusableCrs, match="georeference it again"):
        inspect_sources([make_tiff(GREY, crs="EPSG:4326")])


def test_r15_degrees_declared_as_lambert_metres_are_refused(make_tiff):
    with pytest.raises(errors.UnusableCrs, match="has no ground"):
        inspect_sources([make_tiff(GREY, transform=Affine(1e-6, 0, 2.35, 0, -1e-6, 48.85))])


def test_degrees_are_accepted_only_when_pixels_are_square_on_the_ground(make_tiff):
    paris = Affine(2e-6, 0, 2.35, 0, -2e-6, 48.85)
    with pytest.raises(errors.UnusableGeotransform, match=r"0\.66\d times as wide as high"):
        inspect_sources([make_tiff(GREY, crs="EPSG:4326", transform=paris)])
    cayenne = Affine(2e-6, 0, -52.33, 0, -2e-6, 4.93)
    report = inspect_sources([make_tiff(GREY, crs="EPSG:4326", transform=cayenne)])
    # One degree of longitude is 111,320 m x cos(4.93 degrees) = 110,908 m there.
    assert report.gsd_m == pytest.approx(2e-6 * 110_908, rel=1e-3)


@pytest.mark.parametrize(
    ("transform", "met"),
    [
        (Affine(0.2, 0.01, 600000, 0.01, -0.2, 6800000), "rotated"),
        (Affine(0.2, 0, 600000, 0, 0.2, 6800000), "north-up"),
        (Affine(-0.2, 0, 600000, 0, -0.2, 6800000), "north-up"),
        (Affine(float("nan"), 0, 600000, 0, -0.2, 6800000), "finite"),
        (Affine(0.2, 0, float("inf"), 0, -0.2, 6800000), "finite"),
    ],
)
def test_r16_pixels_that_are_not_north_up_and_finite_are_refused(make_tiff, transform, met):
    with pytest.raises(errors.UnusableGeotransform, match=met):
        inspect_sources([make_tiff(GREY, transform=transform)])


def test_r16_a_given_transform_is_held_to_the_same_rule(make_tiff):
    path = make_tiff(GREY, crs=None, transform=Affine.identity())
    with pytest.raises(errors.UnusableGeotransform, match="finite"):
        inspect_sources([path], crs="EPSG:2154", transform=(float("nan"), 0, 0, 0, -1, 0))
    with pytest.raises(errors.UnusableGeotransform, match="north-up"):
        inspect_sources([path], crs="EPSG:2154", transform=(0, 0, 600000, 0, -1, 6800000))


def test_pixels_two_percent_off_square_are_refused_and_half_a_percent_accepted(make_tiff):
    with pytest.raises(errors.UnusableGeotransform, match=r"1\.020 times as wide"):
        inspect_sources([make_tiff(GREY, transform=Affine(0.204, 0, 600000, 0, -0.2, 6800000))])
    assert inspect_sources([make_tiff(GREY, transform=Affine(0.201, 0, 600000, 0, -0.2, 6800000))]).gsd_m == 0.201


@pytest.mark.parametrize(
    "name", ["image.tif.aux.xml", "image.tif.ovr", "image.tif.msk", "image.tfw", "IMAGE.TFW", "image.prj"]
)
def test_r17_a_sidecar_is_refused_and_named(make_tiff, tmp_path, name):
    path = make_tiff(GREY)
    (tmp_path / name).write_text("<PAMDataset/>")
    with pytest.raises(errors.SidecarFound, match=name):
        inspect_sources([path])


def test_a_neighbour_that_is_no_sidecar_does_no_harm(make_tiff, tmp_path):
    path = make_tiff(GREY)
    (tmp_path / "image2.tfw").write_text("")
    (tmp_path / "README.txt").write_text("")
    assert inspect_sources([path]).grid.width == 64


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16", "int32", "uint32", "complex64", "int8"])
def test_r18_other_data_types_are_refused(make_tiff, dtype):
    with pytest.raises(errors.UnsupportedPixels, match="uint8 and uint16 are accepted"):
        inspect_sources([make_tiff(GREY.astype(dtype))])


def test_a_palette_is_refused(make_header):
    with pytest.raises(errors.UnsupportedPixels, match="palette"):
        inspect_sources([make_header({**PLAIN_HEADER, 262: 3})])


def test_an_unusual_compression_is_refused(make_header):
    with pytest.raises(errors.UnsupportedPixels, match="method 34712"):
        inspect_sources([make_header({**PLAIN_HEADER, 259: 34712})])


@pytest.mark.parametrize(
    "path",
    [
        "/vsizip/archive.zip/image.tif",
        "/vsicurl/http://127.0.0.1/x.tif",
        "http://127.0.0.1/x.tif",
        "file:///etc/passwd",
        "MEM:::DATAPOINTER=1,PIXELS=8,LINES=8",
        "s3://bucket/x.tif",
        "GTIFF_DIR:1:image.tif",
        "nowhere.tif",
        "a\0b.tif",
        "",
    ],
)
def test_r19_only_existing_local_files_are_opened(path):
    with pytest.raises(errors.NotALocalFile):
        inspect_sources([path])


@pytest.mark.parametrize("path", ["/vsizip/archive.zip/image.tif", "http://127.0.0.1/x.tif"])
def test_r19_addresses_are_refused_in_the_sandbox_too(path):
    with pytest.raises(errors.NotALocalFile):
        inspect_isolated([path], require_isolation=False)


def test_r19_folders_and_links_are_refused(make_tiff, tmp_path):
    (tmp_path / "link.tif").symlink_to(make_tiff(GREY))
    with pytest.raises(errors.NotALocalFile, match="symbolic link"):
        inspect_sources([tmp_path / "link.tif"])
    with pytest.raises(errors.NotALocalFile, match="folder"):
        inspect_sources([tmp_path])


def test_r20_an_entity_bomb_in_the_metadata_is_not_expanded(make_tiff, tmp_path):
    bomb = '<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><GDALMetadata><Item name="x">&c;</Item></GDALMetadata>'
    path = make_tiff(GREY)
    with rasterio.open(path, "r+", driver="GTiff") as dataset:
        dataset.update_tags(x=bomb * 1000)
    assert rewrite_isolated([path], out_dir=tmp_path / "layer", require_isolation=False).grid.height == 64


def test_two_thousand_byte_mutations_are_refused_or_read_but_never_crash(make_tiff, tmp_path):
    """Mutations of the header and directories, where a parser can be led astray; the gate alone, in this process."""
    from annotation.raster.gate import check_header

    whole = make_tiff(GREY, compress="DEFLATE").read_bytes()
    rng = np.random.default_rng(3)
    path, refused = tmp_path / "mutant.tif", 0
    for _ in range(2000):
        mutant = bytearray(whole)
        for position in rng.integers(0, min(len(mutant), 700), 4):
            mutant[position] = rng.integers(0, 256)
        path.write_bytes(mutant)
        try:
            check_header(path, max_pixels=10**8)
        except errors.UnusableRaster:
            refused += 1
    assert 200 < refused < 2000


def test_bigtiff_and_big_endian_headers_are_understood(make_tiff):
    rng = np.random.default_rng(4)
    pixels = rng.integers(0, 65535, (2, 40, 50), dtype=np.uint16)
    for options in ({"BIGTIFF": "YES"}, {"ENDIANNESS": "BIG"}, {"BIGTIFF": "YES", "ENDIANNESS": "BIG"}):
        report = inspect_sources([make_tiff(pixels, **options)])
        assert (report.grid.width, report.grid.height, report.dtype) == (50, 40, "uint16")


def test_an_offset_beyond_any_file_is_damage(tmp_path):
    path = write(tmp_path / "far.tif", struct.pack("<4sHHQ", b"II+\0", 8, 0, 2**63 + 5))
    with pytest.raises(errors.DamagedTiff, match="truncated"):
        inspect_sources([path])
