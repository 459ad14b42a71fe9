"""The state of a destination: its position, its parked events, its dead letters and its books, in a file or in a journal."""
