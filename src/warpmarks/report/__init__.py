"""One self-contained page that tells what a run has learned."""
