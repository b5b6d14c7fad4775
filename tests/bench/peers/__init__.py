"""What we are measured against: the smallest programs around the peers' own code."""
