"""The MCP door, `agent mcp`: an assistant asks questions of videos, or looks at them itself, by the official SDK."""
