"""One module for each group of pages; its router is called `pages`."""
