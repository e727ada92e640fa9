"""From images with a place on the sky to image trees (HiPS 1.0)."""
