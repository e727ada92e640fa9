"""What all services share: parameters, forms, errors, replies, streams, addresses (DALI 1.2, VOSI 1.1)."""
