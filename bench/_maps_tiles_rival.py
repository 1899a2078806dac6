"""TiTiler as its documentation has it, for _maps_tiles.py: map tiles of any COG it is given the path of."""

from __future__ import annotations

from fastapi import FastAPI
from titiler.core.errors import DEFAULT_STATUS_CODES, add_exception_handlers
from titiler.core.factory import TilerFactory

application = FastAPI()
application.include_router(TilerFactory().router)
add_exception_handlers(application, DEFAULT_STATUS_CODES)
