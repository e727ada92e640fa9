"""The engine hipsgen: fields become plain images, the CDS tool makes tiles of these, parts are read off."""

from hips.images.hipsgen.engine import HipsgenEngine, hipsgen_engine

__all__ = ["HipsgenEngine", "hipsgen_engine"]
