"""Tiles of a HiPS: which part of the sky each pixel is, their files, pictures and parents."""
