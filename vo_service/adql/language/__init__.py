"""The text of a query and its tree: tokens, parser, printing, and which version of the language has what."""
