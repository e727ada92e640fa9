"""SODA 1.0: parts of images by position, frequency, time and polarisation, and what is made of them."""
