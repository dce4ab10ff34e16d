"""How a detector learns: which cells answer for which box, what that costs, and the images it sees."""
