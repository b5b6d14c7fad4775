"""What a unit is: its identity, its serial, its link, its record."""
