"""The array namespace, one module for each family; `eerie_dsl` re-exports what is public."""
