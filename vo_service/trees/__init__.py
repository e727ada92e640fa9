"""Tile trees (HiPS) over HTTP: ``/hips``, the list of them, and their files, as far as these may be shown."""
