"""Speech of a video: recognition, subtitles and search over both."""

from tools.runtime.model_libraries import prepare_model_libraries

prepare_model_libraries()
