"""What all services share that answer with rows: from a question to the bytes of its answer."""
