"""A client for any server with OpenAI's chat-completions API. Knows nothing of questions and videos."""
