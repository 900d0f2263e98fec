"""Generated questions about texts and speech, and the weights of `agent.policies.lite_rules.ranking` fitted on them."""
