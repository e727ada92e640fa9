"""A program that judges any Virtual Observatory service, requirement by requirement.

It knows nothing of the service it judges: everything goes over HTTP. ``python -m conformance URL``.
"""
