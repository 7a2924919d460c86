"""liangze (两责): documents, signatures and archive for China's food-safety two-responsibilities system."""

__version__ = "0.1.0"
