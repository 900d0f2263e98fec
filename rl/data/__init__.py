"""Questions and demonstrations to train on."""
