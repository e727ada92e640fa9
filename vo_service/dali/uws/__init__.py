"""Asynchronous jobs over HTTP (UWS 1.1), for any protocol that has work to be done."""
