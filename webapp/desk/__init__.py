"""The desk: pages for those who are signed in (docs/desk.md)."""
