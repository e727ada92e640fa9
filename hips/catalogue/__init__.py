"""Catalogues as trees of tables (HiPS 1.0, 4.2.2): the data sets of an archive, longest exposures first."""
