"""What the commands of `ppc` do, apart from reading their options."""
