"""What a Sleuth is made of: options, sessions, videos that stay open, tools of a user's own."""
