"""Plain functions over primitives, on nodes: promotion, broadcasting, and everything that needs no rules of its own."""
