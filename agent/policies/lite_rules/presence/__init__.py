"""Questions whether something is there, when, and how often: sounds, things, showings of a text, mentions."""
