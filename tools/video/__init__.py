"""Reads exact frames of a video file, a folder of frames or a generated video."""
