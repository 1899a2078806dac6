"""A page's public map as a test sees it."""

from __future__ import annotations

from typing import Any

# Leaflet's own account: no layer waits for a map tile, and none is still fading in or gliding somewhere else.
AT_REST = """() => {
  const map = window.maps?.[0];
  if (!map || map._animatingZoom || map._panAnim?._inProgress) return false;
  const layers = [];
  map.eachLayer((layer) => { if (layer instanceof window.L.GridLayer) layers.push(layer); });
  return layers.length > 0 && layers.every((layer) =>
    !layer.isLoading() && Object.values(layer._tiles).every((tile) => tile.active || !tile.current));
}"""


def wait_until_at_rest(page: Any) -> None:
    """Returns once all map tiles in view are there and opaque. A page's network may be idle long before, or never."""
    page.wait_for_function(AT_REST)
