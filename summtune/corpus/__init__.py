"""Dialogues: read from files with every mistake in them named, and tokenised once into memory-mapped Arrow.

It must not know which model they are for (the encoder is handed in), nor what is done with them. Only `tokenised` imports
heavy libraries, inside functions: the driver checks data without torch.
"""
