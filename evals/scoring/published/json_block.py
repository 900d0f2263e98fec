"""Reads the block that CG-Bench asks for: JSON between ```json and ```."""


def json_block(said: str) -> str:
    """Text of the first ```json block; "" without one."""
    start = said.find("```json")
    stop = said.find("```", start + len("```json"))
    return said[start + len("```json") : stop].strip() if start >= 0 and stop >= 0 else ""
