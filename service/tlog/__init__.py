"""Transparency-log formats (C2SP), pure: no input or output."""
