"""The agent loop: the LangGraph graph, the transition function, and what starts, votes, verifies and resumes."""
