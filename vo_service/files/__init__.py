"""The files themselves, by product id, behind the gate of `access` (design 4.2, 4.3)."""
