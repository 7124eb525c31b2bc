"""One job: which command it is of, what it runs, how it runs in its folder and what became of it."""
