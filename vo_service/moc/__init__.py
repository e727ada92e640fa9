"""Coverage maps over HTTP, and the search by one."""
