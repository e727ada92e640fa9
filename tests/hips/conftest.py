"""Puts what tests of trees share (`made_fields`) within their reach."""
