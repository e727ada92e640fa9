"""From a plan to the statement of an engine and the probes it reads."""
