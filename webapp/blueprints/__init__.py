"""The doors of the site, one module each: a person's check, an inspector's list, a machine's question, a probe's."""
