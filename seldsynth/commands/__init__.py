"""What the program can be told to do: a module per command."""
