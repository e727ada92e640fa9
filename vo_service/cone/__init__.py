"""Simple Cone Search 1.03."""
