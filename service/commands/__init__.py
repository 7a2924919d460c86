"""Commands of the command line, a module for each part; cli.py wires them."""
