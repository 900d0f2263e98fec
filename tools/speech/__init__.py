"""Speech of a video: recognition, subtitles and search over both."""
