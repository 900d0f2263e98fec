"""Models fetched from the Hugging Face hub after a yes: the catalogue, the machine they would run on, the download."""
