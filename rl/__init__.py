"""Makes a policy better: rewards, data and the GRPO trainer over the graph that users run."""

import tools  # noqa: F401  its hook must be in place before any module here imports transformers
