"""What is computed from the pixels of one image: piece by piece, in bounded memory."""
