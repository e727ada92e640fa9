"""TAP 1.1: parameters in, an answer out (sync), and what the service says of itself (VOSI)."""
