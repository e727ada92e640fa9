"""The checks, one module a service; each is registered under the id of the requirement it judges."""
