"""Maps of how many data sets look where, and for how long, as trees of images."""
