"""From files and archive rows to harmonised rows: discover, read, classify, group, measure, repair, match."""
