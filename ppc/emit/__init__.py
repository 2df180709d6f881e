"""From a lowered program to text: the target tree, its printer, what a backend receives."""
