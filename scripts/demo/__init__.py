"""`touchstone demo`: the main job, running on real input."""
