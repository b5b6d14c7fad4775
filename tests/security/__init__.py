"""What is known of the code's and its packages' safety: findings, and what is in them."""
