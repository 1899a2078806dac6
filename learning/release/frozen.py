"""What a release is made of beside its labels, fixed once: the same on a second try and at a rebuild years later.

A new input of a release is a field here, with a default for releases that were frozen without it; it is filled where a
release is frozen and read where its contents are put together, never from anywhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from learning.release.changes import ReleaseChanges
from learning.release.contents import (
    CampaignInfo,
    LayerInfo,
    LeftOut,
    MapStatistics,
    ModelRecord,
    NomenclatureInfo,
    PreviousRelease,
)
from learning.release.ground import ChangeStatistics


@dataclass(frozen=True, slots=True)
class FrozenPolygons:
    """A map's polygons, control tiles included: SHA-256 by name of its files, their rule, how many, and figures."""

    digests: Mapping[str, str]
    rule_code: str
    rule_version: str
    polygons: int
    figures: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class FrozenMap:
    """The model's map: which, of which files (SHA-256 by name), the day on which it was finished, the side of the
    windows that it was computed by (None: not written down), its polygons, and what is estimated of its areas.
    `no_polygons` is why there are none.
    """

    prediction_id: int
    digests: Mapping[str, str]
    predicted_on: date
    core_px: int | None = None
    polygons: FrozenPolygons | None = None
    no_polygons: str = ""
    statistics: MapStatistics | None = None


@dataclass(frozen=True, slots=True)
class FrozenGround:
    """Polygons of artificialised ground: SHA-256 by the name under which they are kept, their figures, and the sources
    of usage to name; or the reason for which they are not published, and the source that it is about.
    """

    digests: Mapping[str, str] = field(default_factory=dict)
    figures: Mapping[str, object] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    reason: str = ""
    about: str = ""


@dataclass(frozen=True, slots=True)
class Frozen:
    """All inputs of a release but its labels.

    Files are known by digest; where they lie is looked up when they are read. `software` are versions of what shapes
    the bytes, so that a rebuild can say what has changed since.
    """

    title: Mapping[str, str]
    description: Mapping[str, str]
    published_on: datetime
    licence: str
    attribution: str
    campaign: CampaignInfo
    block_tiles: int
    layer: LayerInfo
    layer_version: int
    nomenclature: NomenclatureInfo
    software_version: str
    code_commit: str
    code_url: str | None
    software: Mapping[str, str]
    labels: int
    left_out: LeftOut = field(default_factory=LeftOut)
    model: ModelRecord | None = None
    model_sha256: str = ""
    map: FrozenMap | None = None
    previous: PreviousRelease | None = None
    notes: Mapping[str, str] = field(default_factory=dict)
    changes: ReleaseChanges | None = None
    coarsened: NomenclatureInfo | None = None  # the theme whose classes `nomenclature`, a national tree, has
    change: tuple[ChangeStatistics, ...] = ()  # since earlier layers, of closed samples
    ground: FrozenGround | None = None  # None: nothing is known of usage
    credited: int = 0  # names in CREDITS.md; the names are rows that go with the accounts
