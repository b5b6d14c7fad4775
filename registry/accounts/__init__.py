"""What people prove with who they are: passphrases, codes of an authenticator, recovery codes. It stores nothing."""
