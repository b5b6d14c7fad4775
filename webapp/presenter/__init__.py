"""What people are told: the only place with public words besides the labels in the templates.

`words` holds the texts of verdicts, `verdicts` chooses among them, `lists` speaks of many codes at once, `refusals` of requests
with nothing to check.
"""
