"""The proxy's example in docs/operate/serving.md fits the site that stands behind it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.urls import Resolver404, resolve

from learning.models.releases import WITHDRAWN_SUFFIX
from learning.release.bundle import STAGING_SUFFIX
from learning.views import content_type_of

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def example() -> str:
    text = (REPOSITORY / "docs" / "operate" / "serving.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```nginx\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return re.sub(r"^\s*#.*\n", "", block, flags=re.MULTILINE)


@pytest.fixture(scope="module")
def release_address(example: str) -> re.Pattern[str]:
    (pattern,) = re.findall(r'location ~ "(\^/releases/[^"]+)"', example)
    return re.compile(pattern)


def test_every_directive_ends_and_every_block_closes(example: str) -> None:
    bare = re.sub(r'"[^"]*"', '""', example)
    assert bare.count("{") == bare.count("}") > 5
    for line in filter(None, map(str.strip, bare.splitlines())):
        assert line[-1] in ";{}", line


@pytest.mark.parametrize("file", ["manifest.json", "dataset/train.csv", "stac/items/a-b_1/item.json"])
def test_nginx_sends_what_the_site_would(release_address: re.Pattern[str], file: str) -> None:
    address = f"/releases/gers-2022-1.12.0/files/{file}"
    assert resolve(address).url_name == "release-file"
    found = release_address.fullmatch(address)
    assert found is not None and found.groups() == ("gers-2022-1.12.0", file)


@pytest.mark.parametrize(
    "address",
    [
        f"/releases/gers-1.0.0{STAGING_SUFFIX}/files/manifest.json",
        f"/releases/gers-1.0.0.work{STAGING_SUFFIX}/files/map.tif",
        f"/releases/gers-1.0.0{WITHDRAWN_SUFFIX}/files/manifest.json",
        "/releases/failed-12/files/manifest.json",
        "/releases/gers-1.0.0/files/.hidden",
        "/releases/gers-1.0.0/files/../../accounts.json",
        "/releases/gers-1.0.0/",
        "/releases/../imagery-1.0.0/files/analysis.tif",
    ],
)
def test_nginx_sends_nothing_else_of_that_folder(release_address: re.Pattern[str], address: str) -> None:
    assert release_address.fullmatch(address) is None


def test_what_nginx_does_not_find_is_asked_of_the_site_which_knows_what_was_withdrawn(example: str) -> None:
    (block,) = re.findall(r'location ~ "\^/releases/[^{]*\{[0-9,]*\}[^{]*\{(.*?)\n    \}', example, re.DOTALL)
    assert "error_page 404 = @site;" in block
    assert "location @site" in example


def test_nginx_and_the_site_never_name_a_type_that_a_browser_runs(example: str) -> None:
    (types,) = re.findall(r"types \{(.*?)\}", example, re.DOTALL)
    named = {
        suffix: line.split()[0] for line in types.strip().split(";\n") for suffix in line.strip(" ;\n").split()[1:]
    }
    assert {"geojson", "json", "jsonld", "tif", "csv", "md", "txt"} == named.keys()
    assert not {"text/html", "image/svg+xml", "application/xhtml+xml", "text/javascript"} & set(named.values())
    for suffix in ("geojson", "json", "tif", "csv"):
        assert content_type_of(f"x.{suffix}").split(";")[0] == named[suffix]
    assert "default_type application/octet-stream;" in example


def test_bodies_that_the_site_takes_pass_the_proxy(example: str, settings: Any) -> None:
    megabytes, of_weights = re.findall(r"client_max_body_size (\d+)m;", example)
    assert settings.DATA_UPLOAD_MAX_MEMORY_SIZE < int(megabytes) * 2**20 <= 2 * settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    assert settings.MODEL_UPLOAD_MAX_BYTES < int(of_weights) * 2**20 <= 2 * settings.MODEL_UPLOAD_MAX_BYTES
    (address,) = re.findall(r"location ~ (\^/api/\S+) \{\s+client_max_body_size", example)
    assert re.fullmatch(address, "/api/v1/campaigns/gers-2022/models/import/")
    assert resolve("/api/v1/campaigns/gers-2022/models/import/").url_name == "api-import-model"


def test_the_proxy_waits_longer_than_the_web_process_works(example: str) -> None:
    (seconds,) = re.findall(r"proxy_read_timeout (\d+)s;", example)
    source = (REPOSITORY / "platform" / "setup" / "gunicorn.conf.py").read_text(encoding="utf-8")
    (timeout,) = re.findall(r"^timeout = (\d+)$", source, re.MULTILINE)
    assert int(seconds) > int(timeout)


def test_the_limited_address_is_where_people_sign_in_and_visitors_headers_are_replaced(example: str) -> None:
    (address,) = re.findall(r"location = (\S+) \{\s+limit_req ", example)
    assert resolve(address).url_name == "account_login"
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in example
    assert "proxy_set_header X-Forwarded-Proto $scheme;" in example
    with pytest.raises(Resolver404):
        resolve("/static/css/site.css")  # nginx takes nothing from the site there
