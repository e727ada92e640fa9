"""Fragments of SQL for each engine: numbers, texts, positions. They know no query."""
