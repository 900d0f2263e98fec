"""What a command is given as a video: a folder of them, a part of one, a stream, an address; and parts given back."""
