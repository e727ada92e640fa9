"""One plane of an image as a tree of tiles in one file, made at once when the first of them is asked for."""
