"""The publishing registry: the records of this service over OAI-PMH."""
