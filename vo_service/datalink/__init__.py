"""DataLink 1.1: from an identifier to all that belongs to it."""
