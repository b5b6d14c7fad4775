"""A doubt becomes a case: what is shown to those who have to decide, in a form that they can check without us."""
