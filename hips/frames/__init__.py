"""Planes of an image as trees of tiles in one file, made at once when the first of them is asked for."""
