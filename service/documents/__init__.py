"""What is written: kinds, content, Word and PDF."""
