"""Benchmarks: print a table and write JSON; everything that is compared is measured in one run."""
