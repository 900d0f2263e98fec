"""The frame index of a video: vectors, stored frames, and the builder that fills both."""
