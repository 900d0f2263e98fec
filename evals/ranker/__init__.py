"""Generated questions about texts and speech, and the weights of `agent.lite.ranking` fitted on them."""
