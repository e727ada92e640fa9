"""From a tree to what it means: names, types, units, shapes, and what does not fit together."""
