"""The HTTP door, `agent serve`: an OpenAI-compatible API and jobs with events; videos are read in worker processes."""
