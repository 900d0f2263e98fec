"""A chat about videos for `langgraph dev`, which takes it from langgraph.json; the videos are those of one folder."""

import os

from agent import Sleuth
from agent.doors.chat_graph import build_chat_graph

graph = build_chat_graph(Sleuth("lite"), [os.environ.get("VIDEOSLEUTH_FOLDER", ".")])
