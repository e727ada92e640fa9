"""From a resolved query to a plan: ranges, matches by cells, what is settled before the statement runs."""
