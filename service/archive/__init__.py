"""What cannot be changed: the content-addressed store and the only writer of the log."""
