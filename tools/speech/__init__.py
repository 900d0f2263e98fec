"""What is said: speech recognition, subtitles and search over both."""
