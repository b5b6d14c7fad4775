"""A batch comes to life: read, sealed, stored, anchored, labelled."""
