"""MOC coverage maps and HiPS tile trees of the holdings."""
