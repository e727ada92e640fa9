"""The functions that queries can call, one table of them."""
