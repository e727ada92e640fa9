"""Quick looks: pictures of images, cubes, moments and spectra as PNG.

`words`, `layers`, `survey`, `stretch` and `stand` know no library of drawing and may be imported anywhere;
`maps` and `spectra` draw with matplotlib and are imported only by processes that draw: it is large.
"""
