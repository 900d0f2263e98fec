"""Generates questions about screen text and speech, and fits the weights of `agent.policies.lite_rules.ranking`."""
