"""A handler that cannot be imported."""

raise RuntimeError("REGION is not set")
