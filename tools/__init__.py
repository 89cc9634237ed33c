"""Scripts that look after the project; none of them is installed with it."""
