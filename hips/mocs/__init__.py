"""Coverage maps (MOC 2.0): made of the rows of holdings, kept with their snapshot, written in every form."""
