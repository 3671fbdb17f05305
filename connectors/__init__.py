"""The systems of the outside world that we can speak to: a file or folder for each."""
