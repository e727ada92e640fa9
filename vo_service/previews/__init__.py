"""Quick looks of data sets as PNG."""
