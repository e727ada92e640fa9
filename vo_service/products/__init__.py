"""From the name of a product to its row, the right to it (design 4.2, 4.3), and its open bytes: for every
protocol that hands out something of a file."""
