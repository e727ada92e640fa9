"""Packages: files of many data sets as a list, as a script that fetches them, as one stream."""
