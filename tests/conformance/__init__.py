"""What every engine has to do; the same tests for each of them."""
