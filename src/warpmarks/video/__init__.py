"""Videos, through PyAV (pip install 'warpmarks[video]'): points on every frame, frames as images.

Everything that walks through a video holds a few frames at a time, however long the video is.
"""
