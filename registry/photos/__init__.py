"""Photos that strangers send: their codes are read in processes that a clock and a limit of memory can end."""
